"""Several estimators that predict together."""

from collections.abc import Callable, Sequence

import torch
from mmengine.model import BaseModel
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from hybridkp.errors import InputError
from hybridkp.models.calibrations.covariance_map import CovarianceMap
from hybridkp.models.estimators.keypoint_estimator import predict_batch, to_image
from hybridkp.models.heads.near_prior import near_prior
from hybridkp.models.merge_prior import merge_prior
from hybridkp.ops.calibration import Calibration
from hybridkp.ops.zoom import zoom


@MODELS.register_module()
class KeypointEnsemble(BaseModel):
    """Estimators of one kind trained apart, for instance from several seeds, whose heatmaps are averaged.

    Each may look at the image in several scales, zoomed about its middle; the heatmaps are zoomed back.

    A keypoint is where the mean of the heatmaps has it. Its covariance is the mean of the second moments about that
    point of what each member says alone, so that it grows with the members' disagreement; where all agree, this is the
    law of total covariance. A calibration that all members have in common, as those of a cross-validation do,
    is that of the mean as well; those that are fitted to one member each are not, and are left out.

    Args:
        members: configs of the estimators, whose heatmaps are of one size; the first one's head decodes.
        data_preprocessor: config of the preprocessor that they share.
        scales: the factors of the zooms.

    Raises:
        ValueError: if a member has no heatmaps, or if there is no member or no scale.
    """

    def __init__(
        self, members: Sequence[dict], data_preprocessor: dict | None = None, scales: Sequence[float] = (1.0,)
    ):
        super().__init__(data_preprocessor)
        if not members or not scales:
            raise ValueError('KeypointEnsemble takes at least one member and one scale')
        self.scales = tuple(scales)
        self.members = nn.ModuleList(MODELS.build(member) for member in members)
        if not all(hasattr(member.head, 'calibration') for member in self.members):
            raise ValueError('KeypointEnsemble averages heatmaps, which a member does not have')
        self.calibration = CovarianceMap(self.members[0].head.calibration.num_keypoints)

    def share_calibration(self) -> None:
        """Take the members' calibration, once they are loaded, if it is the same for all, or else the identity."""
        first, *rest = (member.head.calibration.value() for member in self.members)
        common = all(torch.equal(a, b) for other in rest for a, b in zip(first, other, strict=True))
        self.calibration.assign(first if common else Calibration.identity(self.calibration.num_keypoints))

    def forward(
        self, inputs: Tensor, data_samples: list[PoseDataSample] | None = None, mode: str = 'tensor'
    ) -> Tensor | list[PoseDataSample]:
        """Run the networks on preprocessed images (B, C, H, W).

        Returns:
            The mean of the heatmaps (B, K, h, w) in mode ``'tensor'``; in mode ``'predict'`` the samples with
            ``pred_instances`` in image px, as of `KeypointEstimator`.

        Raises:
            ValueError: if the mode is another one: the members are trained one by one.
            InputError: if there are scales, but the members' maps are more than heatmaps.
        """
        if mode == 'tensor':
            looks = self._looks(lambda member, images: [member(images)], inputs)
            return torch.stack([heatmaps for (heatmaps,) in looks]).mean(dim=0)
        if mode == 'predict':
            head, radius = self.members[0].head, self.members[0].test_cfg.get('search_radius')
            looks = self._looks(self._views, inputs)
            looks = [near_prior(views, data_samples, head.codec, radius) for views in looks]
            found = head.decode_together(looks, head.flip_indices(looks[0], data_samples), self.calibration)
            found = to_image(head.instances(*found), data_samples)
            return merge_prior(found) if self.members[0].test_cfg.get('merge_prior') else found
        raise ValueError(f"mode is 'tensor' or 'predict', not {mode!r}: the members are trained one by one")

    def test_step(self, data: dict) -> list[PoseDataSample]:
        """Predict a batch as a data loader gives it, see `predict_batch`."""
        return predict_batch(self, data)

    val_step = test_step

    def _looks(self, look: Callable[[nn.Module, Tensor], list[Tensor]], inputs: Tensor) -> list[list[Tensor]]:
        """Give, of each scale and member, the views that `look` gives of a member and images."""
        views = []
        for scale in self.scales:
            images = inputs if scale == 1 else zoom(inputs, scale)
            for member in self.members:
                views.append([self._unzoom(heatmaps, scale, inputs.shape) for heatmaps in look(member, images)])
        return views

    def _unzoom(self, heatmaps: Tensor, scale: float, size: torch.Size) -> Tensor:
        """Zoom heatmaps of images (B, C, H, W) back, about the cell in which the images' middle is."""
        if scale == 1:
            return heatmaps
        if heatmaps.dim() != 4:
            head = type(self.members[0].head).__name__
            raise InputError(f'expected scales=[1] of a {head}, whose maps are more than heatmaps, got {self.scales}')
        codec = self.members[0].head.codec
        middle = (((side - 1) / 2 + codec.pixel_offset) / codec.stride - codec.pixel_offset for side in size[:1:-1])
        return zoom(heatmaps, 1 / scale, tuple(middle))

    @staticmethod
    def _views(member: nn.Module, inputs: Tensor) -> list[Tensor]:
        """Give a member's heatmaps of the images and, for the flip test, those of the mirrored images."""
        return [member.head.view(feats) for feats in member.views(inputs)]
