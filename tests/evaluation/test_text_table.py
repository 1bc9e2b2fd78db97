"""Tables as text and as CSV."""

from hybridkp.evaluation.text_table import aligned, write_csv

TABLE = [['name', 'mean', 'count'], ['a', 1.23456789, 3], ['longer', float('nan'), 12]]


def test_aligned():
    assert aligned(TABLE) == 'name    mean  count\na       1.23      3\nlonger     -     12'
    assert aligned(TABLE, ['', '.4f', '']).splitlines()[1] == 'a       1.2346      3'


def test_csv(tmp_path):
    write_csv(TABLE, str(tmp_path / 'table.csv'))
    assert (tmp_path / 'table.csv').read_text() == 'name,mean,count\na,1.23457,3\nlonger,,12\n'
