"""Pictures of people: who has which colour, and where things lie."""

import numpy as np
import pytest
from mmengine.structures import InstanceData

from hybridkp.inference.people_picture import GAP, PALETTE, PeoplePicture

META = dict(
    skeleton_links=[(0, 1)],
    skeleton_link_colors=np.array([[1, 2, 3]], dtype=np.uint8),
    keypoint_colors=np.array([[0, 255, 0], [0, 0, 255]], dtype=np.uint8),
)


def people(*places, score=0.9):
    """Make people of two keypoints, 120 px apart, in boxes of 200 px at places (x, y)."""
    corners = np.array(places, dtype=np.float32).reshape(-1, 2)
    count = len(corners)
    return InstanceData(
        keypoints=corners[:, None] + np.float32([[40, 100], [160, 100]]),
        keypoint_scores=np.full((count, 2), score, np.float32),
        keypoint_covariances=np.broadcast_to(np.float32([[64, 0], [0, 64]]), (count, 2, 2, 2)),
        bboxes=np.concatenate((corners, corners + 200), axis=1),
        bbox_scores=np.linspace(0.9, 0.5, count, dtype=np.float32),
    )


def painted(picture, color):
    """Return the (x, y) of all pixels of an RGB colour."""
    return np.argwhere((picture == np.array(color)[::-1]).all(axis=-1))[:, ::-1]


@pytest.fixture
def image():
    return np.zeros((600, 1000, 3), np.uint8)


def test_one_person_has_the_colours_of_the_skeleton_and_several_their_own(image):
    picture = PeoplePicture(META)
    alone = picture.draw(image, people((100, 100)))
    assert len(painted(alone, (1, 2, 3))) and len(painted(alone, (0, 255, 0))) and not len(painted(alone, PALETTE[0]))
    several = picture.draw(image, people((100, 100), (400, 100)))
    assert not len(painted(several, (1, 2, 3)))
    for i in range(2):
        middle = painted(several, PALETTE[i]).mean(axis=0)
        np.testing.assert_allclose(middle, (200 + 300 * i, 200), atol=2)
    assert not image.any()


@pytest.mark.parametrize('from_border, expected', [(False, (140, 200)), (True, (139.5, 199.5))])
def test_positions_are_those_of_pixel_centres_or_of_the_border(from_border, expected, image):
    """Dots alone: the person is large in a small image, which is enlarged."""
    picture = PeoplePicture(
        META | dict(skeleton_links=[], skeleton_link_colors=np.zeros((0, 3), np.uint8)), from_border, covariances=False
    )
    drawn = picture.draw(image[:300, :300], people((100, 100)))
    assert drawn.shape == (800, 800, 3) and not image.any()
    middle = (painted(drawn, (0, 255, 0)).mean(axis=0) + 0.5) / (800 / 300) - 0.5
    np.testing.assert_allclose(middle, expected, atol=0.15)


def test_what_is_left_out(image):
    assert not PeoplePicture(META, threshold=0.95).draw(image, people((100, 100))).any()
    with_ellipses, without = (
        PeoplePicture(META, covariances=one).draw(image, people((100, 100))) for one in (True, False)
    )
    assert (with_ellipses > 0).sum() > (without > 0).sum()
    framed = PeoplePicture(META, framed=True).draw(image, people((100, 100)))
    assert framed[300, 150].any() and not with_ellipses[300, 150].any()
    assert not PeoplePicture(META).draw(image, people()).any()
    lost = people((100, 100))
    lost.keypoints = lost.keypoints * np.array([[np.nan], [1]])
    lost.keypoint_covariances = lost.keypoint_covariances + np.array([0, np.inf]).reshape(2, 1, 1)
    assert not PeoplePicture(META).draw(image, lost).any()


def test_lines_are_as_thick_as_people_are_large():
    """A person of a twentieth has thinner lines, one who fills a large image thicker ones; videos stay as large."""
    large = np.zeros((3000, 3000), np.uint8)
    thick = []
    for size in (0.3, 1.2, 12):
        one = people((1, 1))
        one.keypoints, one.bboxes = one.keypoints * size, one.bboxes * size
        drawn = PeoplePicture(META, covariances=False).draw(large, one)
        assert drawn.shape == (3000, 3000, 3)
        column = round(101 * size)
        thick.append(int((drawn[:, column] > 0).any(axis=1).sum()))
    assert thick[0] < thick[1] < thick[2]
    assert PeoplePicture(META, enlarge=False).draw(large[:20, :30], people()).shape == (20, 30, 3)


@pytest.mark.parametrize('size, axis', [((400, 500), 1), ((400, 1000), 0)])
def test_labels_beside_predictions(size, axis):
    """The same person has the same colour in both."""
    labels = [
        dict(
            keypoints=np.array([[[x + 40.0, 110.0], [x + 160.0, 110.0]]]),
            keypoints_visible=np.array([[2, 1]]),
            bbox=np.array([[x, 10.0, x + 200, 210.0]]),
        )
        for x in (250, 10)
    ]
    picture = PeoplePicture(META, enlarge=False)
    drawn = picture.compare(np.zeros((*size, 3), np.uint8), people((10, 10), (250, 10)), labels, 'name')
    height, width = size[0] + 24, size[1]
    if axis:
        assert drawn.shape == (height, 2 * width + GAP, 3)
        panels = drawn[:, :width], drawn[:, width + GAP :]
    else:
        assert drawn.shape == (2 * height + GAP, width, 3)
        panels = drawn[:height], drawn[height + GAP :]
    for panel in panels:
        for i, x in enumerate((350, 110)):
            np.testing.assert_allclose(painted(panel, PALETTE[i])[:, 0].mean(), x, atol=3)
