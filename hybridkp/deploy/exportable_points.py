"""Estimators of interest points from images to points in one graph."""

from typing import ClassVar

from mmengine.model import BaseModel
from torch import Tensor, nn

from hybridkp.deploy.input_normalisation import InputNormalisation


class ExportablePoints(nn.Module):
    """An `InterestPointEstimator` with its preprocessor and decoder.

    Attributes:
        names: of what `forward` returns.

    Args:
        model: the estimator.
    """

    task = 'points'
    calibrated = False
    names: ClassVar[dict[str, str]] = {
        'keypoints': '(B, N, 2), x and y in px of the input, best first',
        'scores': '(B, N), 0 where there is no point',
        'covariances': '(B, N, 2, 2) in px^2 of the input',
    }

    def __init__(self, model: BaseModel):
        super().__init__()
        self.normalise = InputNormalisation(model.data_preprocessor)
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images (B, C, H, W), uint8, to points, scores and covariances, see `names`."""
        maps = self.model.head(self.model.extract_feat(self.normalise(images)))
        settings = self.model.test_cfg
        return self.model.head.codec.decode(maps, settings.get('max_points', 500), settings.get('threshold', 0.0))
