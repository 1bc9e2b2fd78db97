"""Target covariances fitted to several readers."""

import json
from pathlib import Path

import torch
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from hybridkp.codecs.covariance_source import CovarianceSource
from hybridkp.codecs.target_context import TargetContext
from hybridkp.errors import InputError
from hybridkp.ops.covariance import area, determinant
from hybridkp.ops.reader_scatter import reader_scatter
from hybridkp.ops.sigma_limits import limit_sigmas

NEGLIGIBLE = 1e-12
"""Area, in units of an image's side squared, of a scatter that is rounding: a millionth of the side each way."""


@KEYPOINT_CODECS.register_module()
class ReaderCovariance(CovarianceSource):
    """Targets as wide, and wide in that direction, as several readers disagree: one covariance a keypoint.

    The readers' scatter (see `ops.reader_scatter`) is measured in units of each image's side sqrt(width * height), so
    that images of several sizes count alike, and kept in the checkpoint. In an input it is that covariance in units
    of the side that the image has there, turned and mirrored by d(input px) / d(image px) over the root of its
    determinant. With `scale=1` this is exactly the readers' covariance in input px for a crop of the whole image,
    whether or not it fills the input, if the set's images have the same proportions; a zoom of the augmentation is
    left out, as with every width that is relative to the input. No axis is narrower than 3/4 of a cell.

    The file is read where it is there; else the covariances have to come from a checkpoint, and a training step
    without either refuses. A checkpoint that has them wins.

    Args:
        ann_file: a COCO file with ``readers`` in its annotations, relative to the working directory, or None.
        sigma: the mean standard deviation in input px (geometric mean over keypoints of sqrt(sigma1 * sigma2)); the
            readers say the shapes and how the keypoints' sizes compare.
        relative_sigma: the same as a fraction of the input's side, see `CovarianceSource`.
        scale: the targets' standard deviations over the readers', in the place of a mean one.
        keep_bias: whether the readers' mean offsets from each other count as disagreement.
        prior: how many images' worth the covariance of all keypoints together counts in that of one, above 0.
        num_keypoints: K.
        cell: side of a heatmap's cell in px, see `CovarianceSource`.

    Raises:
        ValueError: if K is missing, or not exactly one of the sizes is given, or one or the prior is not positive.
        InputError: if the file has no annotations of several readers, or they are wrong.
    """

    def __init__(
        self,
        ann_file: str | None = None,
        sigma: float | None = None,
        relative_sigma: float | None = None,
        scale: float | None = None,
        keep_bias: bool = True,
        prior: float = 5.0,
        num_keypoints: int | None = None,
        cell: float = 0.0,
    ):
        if sum(size is not None for size in (sigma, relative_sigma, scale)) != 1:
            raise ValueError(
                'ReaderCovariance takes one of sigma (px), relative_sigma (fraction of the side) and scale'
            )
        super().__init__(sigma, relative_sigma if scale is None else scale, num_keypoints, cell)
        if num_keypoints is None:
            raise ValueError('ReaderCovariance needs num_keypoints')
        if not prior > 0:
            raise ValueError(f'prior must be above 0, got {prior}')
        self.ann_file, self.normalised = ann_file, scale is None
        covariances, aspect = torch.eye(2).repeat(num_keypoints, 1, 1), torch.ones(())
        self.fitted = ann_file is not None and Path(ann_file).is_file()
        if self.fitted:
            covariances, aspect = _fit(ann_file, num_keypoints, keep_bias, prior)
        self.register_buffer('covariances', covariances)  # (K, 2, 2), in units of the image's side, squared
        self.register_buffer('aspect', aspect)  # the images' width over height

    def forward(self, keypoints: Tensor, input_size: tuple[int, int], context: TargetContext | None = None) -> Tensor:
        """Return covariances (B, K, 2, 2) in px^2 for keypoints (B, K, 2) of an input of (H, W) px.

        Raises:
            ValueError: if the context has no Jacobians, or there is neither an `ann_file` nor a checkpoint.
            FileNotFoundError: if the file is not there, and no checkpoint was loaded.
        """
        (jacobians,) = (context or TargetContext()).require('ReaderCovariance', 'jacobians')
        self._check_fitted()
        if self.normalised:
            units = 1 / area(self.covariances).log().mean().exp()
        else:  # the share of the input that a crop of the whole image fills
            filled = self.aspect * (input_size[0] / input_size[1])
            units = torch.minimum(filled, 1 / filled)
        turns = jacobians / determinant(jacobians).abs().sqrt()[:, None, None]
        covariances = self.variance(input_size)[:, None, None] * units * _turn(self.covariances, turns)
        return limit_sigmas(covariances, self.narrowest * self.cell)

    def _check_fitted(self) -> None:
        if self.fitted:
            return
        if self.ann_file is None:
            raise ValueError('ReaderCovariance has neither an ann_file nor covariances from a checkpoint')
        raise FileNotFoundError(
            f'{self.ann_file}: there is no such file to fit covariances of readers to, and no checkpoint has them'
        )

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        """Note that the covariances came from a checkpoint; every way of loading one calls this."""
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )
        self.fitted = self.fitted or f'{prefix}covariances' in state_dict


def _turn(covariances: Tensor, turns: Tensor) -> Tensor:
    """Map covariances S (K, 2, 2) by A (B, 2, 2): A S A^T (B, K, 2, 2), in the dtype given even under autocast."""
    half = (turns[:, None, :, :, None] * covariances[None, :, None]).sum(dim=-2)
    return (half[..., :, None, :] * turns[:, None, None]).sum(dim=-1)


def _fit(path: str, num_keypoints: int, keep_bias: bool, prior: float) -> tuple[Tensor, Tensor]:
    """Give the readers' covariances (K, 2, 2) in units of the images' side, squared, and the images' mean aspect."""
    points, visible, sizes = _read(path, num_keypoints)
    sides = sizes.prod(dim=-1).sqrt()
    covariances = reader_scatter(points / sides[:, None, None, None], visible, keep_bias, prior)
    if not (area(covariances) > NEGLIGIBLE).all():
        raise InputError(f'{path}: expected keypoints that several readers marked in different places, got none')
    aspect = (sizes[:, 0] / sizes[:, 1]).log().mean().exp()
    return torch.tensor(covariances.tolist()), torch.tensor(aspect.tolist())


def _read(path: str, num_keypoints: int) -> tuple[Tensor, Tensor, Tensor]:
    """Read what R readers marked in N annotations, on the CPU whatever the default device is.

    Returns:
        Points (N, R, K, 2) in px, visibility (N, R, K), 0 also for a reader who did not read an image, and the images'
        (width, height) (N, 2), all float64.
    """
    try:
        coco = json.loads(Path(path).read_bytes())
        sizes = {image['id']: (image['width'], image['height']) for image in coco['images']}
        read = [annotation for annotation in coco['annotations'] if annotation.get('readers')]
        names = sorted({name for annotation in read for name in annotation['readers']})
        sizes = [sizes[annotation['image_id']] for annotation in read]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f'{path}: expected COCO annotations with readers, got {error!r}') from error
    if len(names) < 2:
        raise InputError(f'{path}: expected annotations with several readers, got {len(names)}')
    nobody = [0] * (3 * num_keypoints)
    rows = [[annotation['readers'].get(name, nobody) for name in names] for annotation in read]
    for annotation, row in zip(read, rows, strict=True):
        for name, values in zip(names, row, strict=True):
            _check(f'{path}: annotation {annotation.get("id")}: reader {name}', values, num_keypoints)
    marks = torch.tensor(rows, dtype=torch.float64, device='cpu').unflatten(-1, (num_keypoints, 3))
    return marks[..., :2], marks[..., 2], torch.tensor(sizes, dtype=torch.float64, device='cpu')


def _check(where: str, values: object, num_keypoints: int) -> None:
    count = len(values) / 3 if isinstance(values, list) else 0
    if count != num_keypoints:
        raise InputError(f'{where}: expected {num_keypoints} keypoints (x, y, visibility), got {count:g}')
    if not all(isinstance(value, int | float) and abs(value) < float('inf') for value in values):
        raise InputError(f'{where}: expected {3 * num_keypoints} finite numbers, got {values}')
