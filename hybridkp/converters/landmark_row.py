"""What one reader marked in one image."""

from typing import NamedTuple


class LandmarkRow(NamedTuple):
    """One reader's points in one image.

    Attributes:
        where: The file and the row that the points come from, for messages.
        image: The image, relative to the image root.
        points: K points (x, y) in px of the image, None where a landmark is not labelled.
        pixel_spacing: mm per px of the image, None where nobody says.
    """

    where: str
    image: str
    points: list
    pixel_spacing: float | None = None
