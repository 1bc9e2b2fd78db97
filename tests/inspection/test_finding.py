"""Lines of a report."""

import pytest

from hybridkp.inspection.finding import fail, failed, listed, ok, percent, warn


def test_a_finding_is_a_line():
    assert str(ok('26 images')) == 'ok    26 images'
    assert str(warn('one is odd', 'look')) == 'warn  one is odd  ->  look'
    assert str(fail('none is there', 'copy them')) == 'FAIL  none is there  ->  copy them'


def test_failures_are_seen():
    assert failed([ok('a'), fail('b', 'c')])
    assert not failed([ok('a'), warn('b', 'c')]) and not failed([])


def test_records_are_named_and_counted():
    assert listed([]) == '' and listed([7]) == '7' and listed('abc') == 'a, b, c'
    assert listed(range(1000)) == '0, 1, 2 and 997 more'


@pytest.mark.parametrize(
    'share, text', [(0, '0.0 %'), (1, '100.0 %'), (0.0123, '1.2 %'), (1e-6, 'under 0.1 %'), (0.0006, '0.1 %')]
)
def test_shares(share, text):
    assert percent(share) == text
