import pytest

from hybridkp.datasets.landmark_json import check_pixel_spacings, check_readers, pixel_spacing
from hybridkp.errors import InputError


def coco(info=None, **image):
    content = dict(images=[dict(id=3), dict(id=4, **image)])
    return content if info is None else content | dict(info=info)


def test_an_images_own_spacing_wins():
    content = coco(dict(pixel_spacing=0.1), pixel_spacing=[0.2, 0.3])
    assert [pixel_spacing(image, content) for image in content['images']] == [(0.1, 0.1), (0.2, 0.3)]
    content = coco(pixel_spacing=1)
    assert [pixel_spacing(image, content) for image in content['images']] == [None, (1, 1)]
    assert pixel_spacing(dict(id=1), coco('a text')) is None


@pytest.mark.parametrize(
    'content', [coco(), coco('a text'), coco({}), coco(dict(pixel_spacing=2), pixel_spacing=[1, 2])]
)
def test_good_spacings(content):
    check_pixel_spacings('a.json', content)


@pytest.mark.parametrize(
    'value', [0, -0.1, None, '0.1', True, float('nan'), float('inf'), [0.1], [0.1, 0], [1, 2, 3], {}]
)
def test_wrong_spacings_are_named(value):
    for content, where in ((coco(pixel_spacing=value), 'image 4'), (coco(dict(pixel_spacing=value)), 'info')):
        with pytest.raises(InputError, match=rf'^a.json: {where}: expected a pixel_spacing \(mm per px above 0\)'):
            check_pixel_spacings('a.json', content)


def test_good_readers():
    check_readers('a.json', [dict(id=1), dict(id=2, readers={}), dict(id=3, readers=dict(me=[1, 2.5, 2, 0, 0, 0]))], 2)


@pytest.mark.parametrize(
    ('readers', 'message'),
    [
        ([1], 'expected readers as a dict of names to keypoints, got a list'),
        (dict(me=[1, 2, 2]), r'reader me: expected 2 keypoints \(x, y, visibility\), got 1'),
        (dict(me='abcdef'), 'reader me: expected 2 keypoints .*, got a str'),
        (dict(me=[0] * 6, you=[1, 2, 2, 0, float('nan'), 0]), 'reader you: expected 6 finite numbers as keypoints'),
        (dict(me=[1, None, 2, 0, 0, 0]), 'reader me: expected 6 finite numbers as keypoints'),
        (dict(me=[1, 2, 2, 0, 0, 3]), 'reader me: expected a visibility of 0, 1 or 2, got 3 for keypoint 1'),
    ],
)
def test_wrong_readers_are_named(readers, message):
    with pytest.raises(InputError, match=f'^a.json: annotation 7: {message}'):
        check_readers('a.json', [dict(id=7, readers=readers)], 2)
