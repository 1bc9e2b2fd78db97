"""Nothing left over, nothing missing."""

import pytest
import torch

from hybridkp.converters.checkpoint_source import CheckpointSource
from hybridkp.converters.checkpoints import convert, differences, listed, to_our_names
from hybridkp.errors import InputError

SOURCE = CheckpointSource(
    'a net', ((r'n(?P<N>\d)\.(?P<leaf>\w+)', 'layers.{N}.{leaf}'), (r'old|older', 'pos')), [], {'pos': torch.neg}
)


def test_names_and_values():
    state = {'n1.weight': torch.ones(2), 'n1.running_var': torch.ones(2), 'old': torch.ones(1)}
    found = convert(state, SOURCE, 'checkpoint a.pth')
    assert set(found) == {'layers.0.weight', 'layers.0.running_var', 'layers.0.num_batches_tracked', 'pos'}
    assert found['pos'] == -1 and found['layers.0.num_batches_tracked'].dtype == torch.int64
    counted = {'n1.running_var': torch.ones(2), 'n1.num_batches_tracked': torch.tensor(7)}
    assert convert(counted, SOURCE, 'a')['layers.0.num_batches_tracked'] == 7


def test_left_over_names_are_listed():
    state = {f'x{i}': torch.ones(1) for i in range(5)} | {'n1.weight': torch.ones(1)}
    with pytest.raises(InputError, match='checkpoint a.pth: expected a net, got .*: x0, x1, x2 and 2 more$'):
        convert(state, SOURCE, 'checkpoint a.pth')


def test_two_names_for_one_parameter_are_refused():
    with pytest.raises(InputError, match='a: expected one parameter that becomes pos, got older as well'):
        convert({'old': torch.ones(1), 'older': torch.ones(1)}, SOURCE, 'a')


def test_differences_in_words():
    expected = {'a': torch.ones(2, 3), 'b': torch.ones(1), 'c': torch.ones(1), 'head.calibration.scale': torch.ones(1)}
    state = {'a': torch.ones(3, 2), 'b': torch.ones(1), 'd': torch.ones(1)}
    assert differences(state, expected) == [
        'a has the shape (3, 2), expected (2, 3)',
        'c is missing',
        'd is left over',
    ]
    assert not differences({name: expected[name] for name in 'abc'}, expected)
    assert not differences(expected, expected)


def test_deconvolutions_go_where_the_model_has_them():
    state = {'head.deconv_layers.0.weight': torch.ones(1), 'head.final_layer.weight': torch.ones(1)}
    assert list(to_our_names(state, {'neck.deconv_layers.0.weight': 0})) == [
        'neck.deconv_layers.0.weight',
        'head.final_layer.weight',
    ]
    assert list(to_our_names(state, {'head.deconv_layers.0.weight': 0})) == list(state)


def test_lists_are_cut():
    assert [listed(list(names)) for names in ('a', 'abc', 'abcde')] == ['a', 'a, b, c', 'a, b, c and 2 more']
