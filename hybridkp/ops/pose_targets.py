"""The people of a batch of images, as a detector is trained on them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from hybridkp.ops.boxes import to_centres


class PoseTargets(NamedTuple):
    """N people of a batch, in input px from the left and top border."""

    images: Tensor
    """(N,), the index of the image."""
    labels: Tensor
    """(N,), the index of the class."""
    boxes: Tensor
    """(N, 4): centre x, centre y, width, height."""
    keypoints: Tensor
    """(N, K, 2), 0 where a keypoint is not labelled."""
    visibility: Tensor
    """(N, K): COCO's flags, 0 not labelled, 1 labelled but hidden, 2 visible."""
    areas: Tensor
    """(N,), of the people in px^2, which the similarity of keypoints is relative to."""

    @classmethod
    def of_images(
        cls,
        labels: Sequence[Tensor],
        corners: Sequence[Tensor],
        keypoints: Sequence[Tensor],
        visibility: Sequence[Tensor],
        areas: Sequence[Tensor],
    ) -> 'PoseTargets':
        """Put the people of several images together, an element an image; boxes are left, top, right and bottom."""
        images = torch.cat([torch.full_like(label, index) for index, label in enumerate(labels)])
        parts = [torch.cat(list(part)) for part in (labels, corners, keypoints, visibility, areas)]
        return cls(images, parts[0], to_centres(parts[1]), *parts[2:])
