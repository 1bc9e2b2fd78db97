import re

import pytest

from hybridkp.converters.cells import read_cells, read_point, read_spacing
from hybridkp.errors import InputError


def test_rows_have_their_numbers(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_bytes('\ufeffimage,a\r\n\r\n,,\r\n"x,y", 1\r\n'.encode())
    assert read_cells(str(path)) == [(1, ['image', 'a']), (4, ['x,y', ' 1'])]


def test_no_table(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.csv: there is no such file'):
        read_cells(str(tmp_path / 'none.csv'))
    (tmp_path / 'a.csv').write_bytes(b'image,\xff\xfe\n')
    with pytest.raises(InputError, match='a.csv: expected a CSV file in UTF-8'):
        read_cells(str(tmp_path / 'a.csv'))


def test_points():
    assert read_point(['1.5', ' -2 '], 'here') == (1.5, -2)
    assert read_point(['', ' '], 'here') is None and read_point(['nan', 'NaN'], 'here') is None


@pytest.mark.parametrize('cells', [['1', ''], ['', '1'], ['nan', '1'], ['1', 'inf'], ['-inf', '1'], ['x', '1']])
def test_wrong_points(cells):
    with pytest.raises(InputError, match=f'^here: expected two .*numbers or nothing, got {re.escape(str(cells))}$'):
        read_point(cells, 'here')


def test_spacings():
    assert read_spacing('0.25', 'here') == 0.25
    for cell in ('0', '-0.1', 'nan', 'inf', '', 'x', '0,1'):
        with pytest.raises(InputError, match=f"^here: expected a pixel spacing in mm per px above 0, got '{cell}'$"):
            read_spacing(cell, 'here')
