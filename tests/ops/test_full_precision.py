"""Blocks without autocast."""

import torch

from hybridkp.ops.full_precision import full_precision


def test_autocast_is_off_within_and_on_again_behind():
    matrix = torch.ones(2, 2)
    with torch.autocast('cpu', torch.bfloat16):
        with full_precision(matrix.device):
            assert (matrix @ matrix).dtype == torch.float32
        assert (matrix @ matrix).dtype == torch.bfloat16


def test_the_device_without_values_passes():
    with full_precision(torch.device('meta')):
        assert torch.empty(2, device='meta').shape == (2,)
