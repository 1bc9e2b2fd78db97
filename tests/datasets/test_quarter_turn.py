"""Quarter turns: which way, drawn or fixed, and what cannot be turned."""

import numpy as np
import pytest
from mmpose.registry import TRANSFORMS

from hybridkp.datasets.quarter_turn import QuarterTurn

PICTURE = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)


def test_the_top_goes_where_the_class_says(mmpose_scope):
    step = TRANSFORMS.build(dict(type='QuarterTurn', random=False))
    top = np.zeros((4, 4), np.uint8)
    top[0] = 1
    sides = dict(upright=np.s_[0, :], left=np.s_[:, 0], **{'upside down': np.s_[-1, :]}, right=np.s_[:, -1])
    for label, name in enumerate(QuarterTurn.classes):
        found = step.transform(dict(img=top, id=label))
        assert found['gt_label'] == label and found['img'][sides[name]].all() and found['img'].sum() == 4


def test_four_turns_are_none():
    step, image = QuarterTurn(random=False), PICTURE
    for _ in range(4):
        image = step.transform(dict(img=image, id=1))['img']
    assert np.array_equal(image, PICTURE)


def test_a_held_out_image_is_always_turned_alike():
    step = QuarterTurn(random=False)
    for place in (0, 7, 14, 17):
        first, again = (step.transform(dict(img=PICTURE, id=place)) for _ in range(2))
        assert first['gt_label'] == again['gt_label'] == place % 4
        assert np.array_equal(first['img'], again['img'])


def test_drawn_turns_follow_the_seed_and_are_equally_frequent():
    def draw(count):
        np.random.seed(0)
        return [QuarterTurn().transform(dict(img=PICTURE, id=0))['gt_label'] for _ in range(count)]

    labels = draw(800)
    assert labels[:100] == draw(100)
    assert all(150 < labels.count(label) < 250 for label in range(4))
    for label in labels[:8]:
        assert isinstance(label, int)


def test_the_rest_of_a_sample_stays():
    sample = dict(img=PICTURE, id=5, img_path='a.png')
    found = QuarterTurn(random=False).transform(sample)
    assert found['img_path'] == 'a.png' and found['id'] == 5 and 'gt_label' not in sample


def test_only_squares_are_turned():
    with pytest.raises(ValueError, match='expected a square image, got 4 x 3 px'):
        QuarterTurn().transform(dict(img=PICTURE[:3], id=0))
