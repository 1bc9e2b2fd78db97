"""What a name becomes."""

import pytest

from hybridkp.converters.checkpoint_source import CheckpointSource

ROWS = ((r'block(?P<B>\d+)\.(?P<leaf>\w+)', 'layers.{B}.{leaf}'), (r'(?P<x>a)b?', '{x}'))
SOURCE = CheckpointSource('a net', ROWS, [])


@pytest.mark.parametrize(
    'name, new',
    [('block1.weight', 'layers.0.weight'), ('block10.bias', 'layers.9.bias'), ('a', 'a'), ('ab', 'a')],
)
def test_numbers_that_count_from_1_become_such_that_count_from_0(name, new):
    assert SOURCE.new_name(name) == new


@pytest.mark.parametrize('name', ['block1.weight.x', 'x.block1.weight', 'block.weight', ''])
def test_a_pattern_is_that_of_the_whole_name(name):
    assert SOURCE.new_name(name) is None


def test_nothing_changes_unless_it_is_said():
    assert SOURCE.changes == {}
