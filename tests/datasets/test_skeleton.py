from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from hybridkp import stack
from hybridkp.datasets.skeleton import CENTRE, LEFT, RIGHT, read_skeleton, skeleton_metainfo
from hybridkp.errors import InputError
from hybridkp.ops.measures import compose, landmarks

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
    assert set(ours) - set(theirs) == {'measures'} and set(theirs) < set(ours)
    for key in set(theirs) - {
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
        (dict(measures=['a']), r"measures: expected a dict of definitions by names, got \['a'\]"),
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        skeleton_metainfo(FACE | change)


def test_measures_are_passed_on():
    assert skeleton_metainfo(FACE)['measures'] == {}
    measures = dict(
        width=('distance', 'l', 'r'),
        nose=('angle', 'l', 'nose', 'r'),
        depth=('point_to_line', 'nose', 'l', 'r'),
        tilt=('line_angle', 'l', 'nose', 'l', 'r'),
        more=('difference', 'nose', 'tilt'),
        most=('difference', 'more', 'tilt'),
    )
    assert skeleton_metainfo(FACE | dict(measures=measures))['measures'] == measures
    backwards = skeleton_metainfo(FACE | dict(measures=dict(reversed(measures.items()))))['measures']
    names = list(backwards)
    assert backwards == measures and names.index('tilt') < names.index('more') < names.index('most')


@pytest.mark.parametrize(
    ('definition', 'message'),
    [
        ('angle', r"measures: m: expected \(kind, name, name, ...\), got 'angle'"),
        ((), r'expected \(kind, name'),
        (('distance', 0, 2), r'expected \(kind, name'),
        (('area', 'l', 'r'), "expected one of the kinds .*'difference'.*, got 'area'"),
        (('angle', 'l', 'r'), r"expected 3 names after 'angle', got 2: \['l', 'r'\]"),
        (('difference', 'width'), "expected 2 names after 'difference', got 1"),
        (('distance', 'l', 'ear'), "measures: m: expected one of .* got 'ear'"),
        (('difference', 'width', 'l'), r"expected one of the other measures, \['width', 'nose'\], got 'l'"),
        (('difference', 'width', 'm'), "expected one of the other measures, .* got 'm'"),
        (('difference', 'width', 'nose'), 'expected two angles or two distances, got one of each'),
        (('difference', 'width', 'width'), 'expected names that differ'),
        (('angle', 'l', 'nose', 'l'), r"expected names that differ, got \['l', 'nose', 'l'\]"),
        (('line_angle', 'l', 'r', 'nose', 'nose'), r"expected names that differ, got \['nose', 'nose'\]"),
    ],
)
def test_mistakes_in_measures_are_named(definition, message):
    measures = dict(width=('distance', 'l', 'r'), nose=('angle', 'l', 'nose', 'r'), m=definition)
    with pytest.raises(ValueError, match=message):
        skeleton_metainfo(FACE | dict(measures=measures))


HEAD = dict(
    S=(330, 400), N=(590, 410), Or=(520, 510), Po=(240, 490), A=(550, 650), B=(530, 790), Pog=(530, 880),
    Me=(495, 905), Gn=(517, 900), Go=(280, 725), Ar=(265, 535), ANS=(560, 625), UL=(635, 700), LL=(600, 785),
    Sn=(605, 645), SPog=(565, 900), UIA=(535, 650), UIT=(570, 745), LIA=(512, 830), LIT=(560, 740),
)  # fmt: skip
"""A made-up head, in px, that looks to the right."""


def test_cephalometric_measures_are_where_the_literature_has_them():
    points = HEAD | {'Ls': HEAD['UL'], 'Li': HEAD['LL'], 'Pn': (690, 590), 'Pog`': (575, 880)}
    usual = dict(SNA=(75, 90), SNB=(72, 88), ANB=(-2, 8), SN_GoGn=(20, 45), FMA=(15, 40), facial=(78, 97))
    usual |= dict(y_axis=(50, 70), gonial=(110, 140), U1_NA=(10, 40), L1_NB=(10, 45), interincisal=(110, 150))
    usual |= dict(IMPA=(75, 110), N_Me=(450, 550), ANS_Me=(250, 320), S_Go=(300, 400), UL_B=(1, 80), LL_B=(1, 80))
    usual |= dict(UL_E=(-60, 0), LL_E=(-60, 0))
    found = set()
    for path in ('ceph19.py', 'ceph29.py'):
        measures = skeleton_metainfo(Config.fromfile(SKELETONS / path).skeleton)['measures']
        for name in measures:
            order = landmarks(name, measures)
            value = compose(name, measures, order)(torch.tensor([points[landmark] for landmark in order]).double())
            assert usual[name][0] < value < usual[name][1], name
        found |= set(measures)
    assert found == set(usual)


def test_missing_key_is_named():
    with pytest.raises(ValueError, match=r"missing \['sigmas'\]"):
        skeleton_metainfo({key: value for key, value in FACE.items() if key != 'sigmas'})


def test_skeletons_of_configs(tmp_path):
    assert read_skeleton(str(SKELETONS / 'coco17.py'))['name'] == 'coco17'
    with pytest.raises(FileNotFoundError, match=r'no\.py does not exist'):
        read_skeleton(str(tmp_path / 'no.py'))
    for number, text in enumerate(('skeleton = 1', 'skeleton = dict(name="a")', 'skeleton = (', 'model = dict()')):
        path = tmp_path / f'c{number}.py'
        path.write_text(text)
        with pytest.raises(InputError, match=rf'config .*c{number}\.py: expected a skeleton'):
            read_skeleton(str(path))
