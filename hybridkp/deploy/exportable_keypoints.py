"""Top-down estimators from images to keypoints in one graph."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from hybridkp.deploy.input_normalisation import InputNormalisation
from hybridkp.errors import InputError


class ExportableKeypoints(nn.Module):
    """A `KeypointEstimator`, or a `KeypointEnsemble` of them, with its preprocessor, decoder and calibration.

    Attributes:
        names: of what `forward` returns.

    Args:
        model: the estimator.
        flip_indices: each keypoint's mirrored one, for the flip test; None for none.

    Raises:
        InputError: if the members of an ensemble look at zoomed images.
    """

    task = 'crop'
    names: ClassVar[dict[str, str]] = {
        'keypoints': '(B, K, 2), x and y in px of the input',
        'scores': '(B, K)',
        'covariances': '(B, K, 2, 2) in px^2 of the input',
    }

    def __init__(self, model: BaseModel, flip_indices: Sequence[int] | None = None):
        super().__init__()
        if tuple(getattr(model, 'scales', (1.0,))) != (1.0,):
            raise InputError('an ensemble of zoomed images cannot be exported')
        self.normalise = InputNormalisation(model.data_preprocessor)
        self.members = nn.ModuleList(getattr(model, 'members', [model]))
        self.head = self.members[0].head
        self.calibration = getattr(model, 'calibration', self.head.calibration)
        self.flip_indices = None if flip_indices is None else [int(index) for index in flip_indices]

    @property
    def calibrated(self) -> bool:
        """Whether a fitted calibration is applied."""
        return self.calibration.calibrated

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images (B, C, H, W), uint8, to keypoints, scores and covariances, see `names`."""
        inputs = self.normalise(images)
        if self.flip_indices is not None:
            inputs = torch.cat((inputs, inputs.flip(-1)))
        looks = [self._views(member, inputs, images.shape[0]) for member in self.members]
        return self.head.decode_together(looks, self.flip_indices, self.calibration)

    def _views(self, member: nn.Module, inputs: Tensor, count: int) -> list[Tensor]:
        """Give what a member's head says of inputs, the mirrored ones, if there are any, after the first `count`."""
        feats = member.extract_feat(inputs)
        if self.flip_indices is None:
            return [member.head.view(feats)]
        return [member.head.view(tuple(feat[part] for feat in feats)) for part in (slice(count), slice(count, None))]
