"""Checks of what a pipeline makes of samples."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import nn

from hybridkp.codecs.target_context import TargetContext
from hybridkp.inspection.finding import Finding, fail, ok, percent, warn

TOLERANCE = 0.1
"""How far from a label its decoded target may be, in input px."""

BORDER = 1.0
"""Width of the rim, in cells, on which no peak has neighbours on all sides."""


def check_kept_labels(title: str, samples: Sequence[dict], trains: bool) -> Finding:
    """Count the labelled keypoints that the crop leaves in the input.

    Args:
        title: what a finding calls the data set.
        samples: with ``gt_instances`` and ``gt_instance_labels``.
        trains: whether an augmentation may move some out.
    """
    labelled = kept = 0
    for sample in samples:
        given = sample['data_samples']
        visible = np.asarray(given.gt_instances.keypoints_visible)
        visible = (visible[..., 0] if visible.ndim == 3 else visible) > 0
        visible &= given.metainfo.get('own_keypoints', True)  # a closer look need not show the others
        labelled += int(visible.sum())
        kept += int((np.asarray(given.gt_instance_labels.keypoint_weights) > 0)[visible].sum())
    share, least = kept / max(labelled, 1), 0.7 if trains else 0.95
    text = f'{title}: {percent(share)} of {labelled} labelled keypoints lie in the input of {len(samples)} samples'
    if share < 0.1:
        return fail(text, 'check that boxes and keypoints belong together')
    if share < least:
        mend = (
            'shift, scale or turn less (RandomBBoxTransform)' if trains else 'pad the boxes more (GetBBoxCenterScale)'
        )
        return warn(text, mend)
    return ok(text)


def check_targets(title: str, codec: nn.Module, samples: Sequence[dict]) -> Iterator[Finding]:
    """Encode the labels of samples and decode the targets: they have to come back, off the map's rim, to 0.1 px."""
    errors, kinds = [], type(codec).__name__
    with torch.no_grad():
        for sample in samples:
            errors += _target_errors(codec, sample['inputs'], sample['data_samples'])
    if not errors:
        return
    errors = np.array(errors)
    wrong = ~(errors <= TOLERANCE)  # NaN is wrong
    text = (
        f'{title}: targets of {kinds}: {len(errors)} labels come back with a median error of '
        f'{np.median(errors):.2g} px, at most {errors.max():.2g} px'
    )
    if not wrong.any():
        yield ok(text)
    elif hasattr(codec, 'rule'):
        yield warn(text, 'the published rule rounds; AnisotropicHeatmap does not')
    elif wrong.mean() <= 0.01:
        yield warn(f'{text}; {wrong.sum()} are more than {TOLERANCE} px off', 'look at the labels next to the border')
    else:
        yield fail(
            f'{text}; {percent(wrong.mean())} are more than {TOLERANCE} px off',
            'make the targets wider (sigma, relative_sigma) or the stride smaller',
        )


def _target_errors(codec: nn.Module, image: torch.Tensor, sample: PoseDataSample) -> list[float]:
    """Give the distances in px between a sample's labels and what its targets decode to, off the map's rim."""
    labels, (width, height) = sample.gt_instance_labels, map(int, sample.metainfo['input_size'])
    points, weights = torch.as_tensor(labels.keypoint_labels), torch.as_tensor(labels.keypoint_weights)
    parts = [
        torch.as_tensor(labels[name]) if name in labels else None for name in ('input_jacobians', 'instance_areas')
    ]
    context = TargetContext(weights, *parts, image[None].float())
    covariance = codec.target_covariance(points, (height, width), context)
    size = tuple(-(-side // codec.stride) for side in (height, width))
    decoded, _, _ = codec.decode(codec.encode(points, covariance, size))
    last = torch.tensor([width - 1, height - 1]) - BORDER * codec.stride
    inner = (weights > 0) & ((points >= BORDER * codec.stride) & (points <= last)).all(dim=-1)
    return (decoded - points).norm(dim=-1)[inner].tolist()
