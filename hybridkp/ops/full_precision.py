"""Parts of a network that mixed precision would spoil."""

from contextlib import AbstractContextManager, nullcontext

import torch

from hybridkp.ops.static_graph import is_static


def full_precision(device: torch.device) -> AbstractContextManager:
    """Return a block in which autocast is off on a device.

    The device 'meta', which has no autocast, is left alone, and so is a graph for other runtimes.
    """
    return nullcontext() if device.type == 'meta' or is_static() else torch.autocast(device.type, enabled=False)
