"""The benchmark of interest points in tiny: what is measured beside what, and what cannot be measured."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_points(measure, tool):
    arguments = ('--batch-size', '1', '--size', '160', '128', '--count', '30')
    (contest,) = measure('points', *arguments)
    assert contest['title'] == 'points, 1 images of 160x128, at most 30 each' and contest['unit'] == 'images/s'
    ours, theirs = (
        [name for name, run in contest['runs'].items() if run['side'] == side] for side in ('ours', 'theirs')
    )
    assert len(ours) == 3 and {"OpenCV's SIFT", "OpenCV's FAST", "OpenCV's ORB", "OpenCV's Shi-Tomasi"} <= set(theirs)
    points = {name: run['points an image'] for name, run in contest['runs'].items()}
    assert points.pop('hybridkp, filter bank alone') == 0
    assert all(20 <= count <= 30 for count in points.values())
    assert len(contest['ratios']) == len(ours) * len(theirs)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('points', '--size', '20', '64'), 'expected a --size of at least 32 px'),
        (('points', '--images', 'none'), 'image folder none.* does not exist'),
        (
            ('points', '--network', str(ROOT / 'configs/pretrain/hybridnet_s_imagenet_224.py')),
            'model of interest points',
        ),
        (('pretrain', '--config', str(ROOT / 'configs/points/hybridnet_s_pictures_224.py')), 'expected a classifier'),
    ],
)
def test_what_cannot_be_measured(tool, arguments, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        tool.main([*arguments, '--repeats', '1', '--threads', '1', '--batch-size', '1'])
