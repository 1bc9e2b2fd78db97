"""Where in its image an input lies."""

from collections.abc import Mapping, Sequence

import numpy as np


def crop_frame(metainfos: Sequence[Mapping]) -> tuple[np.ndarray, np.ndarray]:
    """Return how samples' inputs lie in their images: image px = input px * scale + corner.

    Args:
        metainfos: of B samples, with mmpose's ``input_size``, ``input_center`` and ``input_scale``: which part of the
            image, seen as a rectangle that may be larger than it, fills the input.

    Returns:
        The scales and the corners, (B, 2) each, x and y.
    """
    size, center, shown = (
        np.asarray([metainfo[f'input_{name}'] for metainfo in metainfos], dtype=float)
        for name in ('size', 'center', 'scale')
    )
    return shown / size, center - 0.5 * shown
