"""The fitted map of predicted covariances that a checkpoint carries."""

import torch
from torch import Tensor, nn

from hybridkp.ops.calibration import Calibration, calibrate


class CovarianceMap(nn.Module):
    """A `Calibration` of K keypoints in buffers, the identity until one is assigned or loaded.

    As long as it is the identity, covariances are handed through untouched; whether it is, is found out on loading and
    not on the way, which would wait for the device. A state dict without a map, as those of trainings are, makes it the
    identity: the map of other weights would not fit.

    Args:
        num_keypoints: K.
    """

    def __init__(self, num_keypoints: int):
        super().__init__()
        self.num_keypoints = num_keypoints
        self.calibrated = False
        for name, value in Calibration.identity(num_keypoints)._asdict().items():
            self.register_buffer(name, value)

    def forward(self, covariances: Tensor) -> Tensor:
        """Map covariances (B, K, 2, 2) px^2, of the network's input."""
        return calibrate(covariances, self.value()) if self.calibrated else covariances

    def value(self) -> Calibration:
        """Return the map."""
        return Calibration(*(getattr(self, name) for name in Calibration._fields))

    def assign(self, calibration: Calibration) -> None:
        """Take another map, of as many keypoints."""
        for name, value in calibration._asdict().items():
            buffer = getattr(self, name)
            if value.shape != buffer.shape:
                raise ValueError(f'{name} has shape {tuple(value.shape)}, expected {tuple(buffer.shape)}')
            buffer.copy_(value)
        self._notice()

    def _notice(self) -> None:
        """Find out whether the map changes anything; without values, on the device 'meta', it does not."""
        pairs = zip(self.value(), Calibration.identity(self.num_keypoints), strict=True)
        self.calibrated = not self.offset.is_meta and any(not torch.equal(a.cpu(), b.to(a.dtype)) for a, b in pairs)

    def _load_from_state_dict(
        self,
        state_dict: dict,
        prefix: str,
        local_metadata: dict,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load the map whole, or else the identity; that there is none at all is no mistake."""
        mistakes = len(missing_keys) + len(error_msgs)
        found = any(prefix + name in state_dict for name in Calibration._fields)
        if found:
            super()._load_from_state_dict(
                state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
            )
        if not found or len(missing_keys) + len(error_msgs) > mistakes:
            self.assign(Calibration.identity(self.num_keypoints))
        self._notice()
