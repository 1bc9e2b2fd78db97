"""Parts of a network that mixed precision would spoil."""

from contextlib import AbstractContextManager, nullcontext

import torch


def full_precision(device: torch.device) -> AbstractContextManager:
    """Return a block in which autocast is off on a device; the device 'meta', which has no autocast, is left alone."""
    return nullcontext() if device.type == 'meta' else torch.autocast(device.type, enabled=False)
