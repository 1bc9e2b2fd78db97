"""Points that a teacher saw in several views of each image."""

from typing import NamedTuple

from torch import Tensor


class PointLabels(NamedTuple):
    """Points of B images, as G views of each had them; the first view is the image itself.

    Attributes:
        points: (B, G, N, 2), (x, y) in px of the image.
        covariances: (B, G, N, 2, 2) in px^2 of the image.
        weights: (B, G, N), above 0 and at most 1 where there is a point, the greater the better; 0 for an empty place.
        homographies: (B, G, 3, 3), from the image to the view.
    """

    points: Tensor
    covariances: Tensor
    weights: Tensor
    homographies: Tensor
