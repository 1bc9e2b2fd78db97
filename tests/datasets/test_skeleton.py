from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from hybridkp import stack
from hybridkp.datasets.skeleton import CENTRE, LEFT, RIGHT, skeleton_metainfo

SKELETONS = Path(__file__).parents[2] / 'configs' / '_base_' / 'skeletons'
FACE = dict(
    name='face',
    keypoints=['l', 'nose', 'r'],
    flip_pairs=[('l', 'r')],
    links=[('l', 'nose'), ('l', 'r')],
    sigmas=[0.1, 0.2, 0.1],
)


@pytest.mark.parametrize('path', sorted(SKELETONS.glob('*.py')), ids=lambda path: path.stem)
def test_every_committed_skeleton_is_valid(path):
    skeleton = Config.fromfile(path).skeleton
    meta = skeleton_metainfo(skeleton)
    flip = meta['flip_indices']
    assert meta['dataset_name'] == path.stem
    assert [flip[i] for i in flip] == list(range(meta['num_keypoints']))
    assert meta['keypoint_colors'].shape == (meta['num_keypoints'], 3)
    assert meta['skeleton_link_colors'].shape == (meta['num_skeleton_links'], 3)


def test_a_skeleton_of_three_keypoints():
    meta = skeleton_metainfo(FACE | dict(upper_body=['nose']))
    assert meta['flip_indices'] == [2, 1, 0]
    assert meta['flip_pairs'] == [(2, 0), (0, 2)]
    assert meta['skeleton_links'] == [(0, 1), (0, 2)]
    assert (meta['upper_body_ids'], meta['lower_body_ids']) == ([1], [0, 2])
    assert [tuple(colour) for colour in meta['keypoint_colors'].tolist()] == [LEFT, CENTRE, RIGHT]
    assert [tuple(colour) for colour in meta['skeleton_link_colors'].tolist()] == [LEFT, CENTRE]
    assert meta['sigmas'].dtype == meta['dataset_keypoint_weights'].dtype == np.float32


def test_without_halves_and_pairs():
    meta = skeleton_metainfo(FACE | dict(flip_pairs=[], links=[]))
    assert meta['upper_body_ids'] == meta['lower_body_ids'] == []
    assert meta['keypoint_colors'].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert meta['skeleton_link_colors'].shape == (0, 3)


def test_coco17_is_what_mmpose_has():
    stack.mend()
    import mmpose
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    path = Path(mmpose.__file__).parent / '.mim' / 'configs' / '_base_' / 'datasets' / 'coco.py'
    theirs = parse_pose_metainfo(dict(from_file=str(path)))
    ours = skeleton_metainfo(Config.fromfile(SKELETONS / 'coco17.py').skeleton)
    assert set(ours) == set(theirs)
    for key in set(ours) - {
        'dataset_name',
        'keypoint_colors',
        'skeleton_link_colors',
        'dataset_keypoint_weights',
    }:
        assert np.array_equal(ours[key], theirs[key]), key


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(keypoints=['l', 'nose', 'l']), r"names that differ, got \['l'\]"),
        (dict(keypoints=[], sigmas=[]), 'at least one keypoint'),
        (dict(sigmas=[0.1]), 'expected 3 sigmas.*got 1'),
        (dict(sigmas=[0.1, 0, 0.1]), 'sigmas above 0'),
        (dict(flip_pairs=[('l', 'ear')]), "flip_pairs: expected one of .* got 'ear'"),
        (dict(flip_pairs=[('l', 'r'), ('nose', 'r')]), "each keypoint once, got 'r' again"),
        (dict(links=[('l', 'l')]), 'two different keypoints'),
        (dict(links=['l']), "a pair of keypoint names, got 'l'"),
        (dict(upper_body=['foot']), "upper_body: expected one of .* got 'foot'"),
        (dict(swap=[]), r"unknown \['swap'\]"),
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        skeleton_metainfo(FACE | change)


def test_missing_key_is_named():
    with pytest.raises(ValueError, match=r"missing \['sigmas'\]"):
        skeleton_metainfo({key: value for key, value in FACE.items() if key != 'sigmas'})
