"""What an evaluation of a result file has to know of the skeleton."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class ResultSkeleton(NamedTuple):
    """The K keypoints of a result file."""

    name: str
    names: list[str]
    """Of the keypoints (K)."""
    sigmas: np.ndarray
    """(K,), relative to the root of the area."""
    flip_indices: np.ndarray
    """(K,), which keypoint each one is mirrored to."""


def from_metainfo(meta: Mapping) -> ResultSkeleton:
    """Take the skeleton of a data set's meta information."""
    names = meta['keypoint_id2name']
    return ResultSkeleton(
        name=meta['dataset_name'],
        names=[names[i] for i in range(len(names))],
        sigmas=np.asarray(meta['sigmas']),
        flip_indices=np.asarray(meta['flip_indices']),
    )


def from_protocol(protocol: Mapping | None) -> ResultSkeleton | None:
    """Take the skeleton of a protocol, None where it has none, or one that does not hang together."""
    skeleton, sigmas = ((protocol or {}).get(key) for key in ('skeleton', 'sigmas'))
    if not isinstance(skeleton, Mapping):
        return None
    names, indices = (skeleton.get(key) for key in ('keypoints', 'flip_indices'))
    if not all(isinstance(part, list) and len(part) == len(sigmas or ()) for part in (names, indices, sigmas)):
        return None
    if not all(isinstance(sigma, int | float) and sigma > 0 for sigma in sigmas) or not set(indices) <= set(
        range(len(names))
    ):
        return None
    return ResultSkeleton(str(skeleton.get('name')), list(map(str, names)), np.array(sigmas, float), np.array(indices))
