"""The loss: equal to the published one number by number, right where that is not, and all on the device."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS

from hybridkp.evaluation.keypoint_similarity import keypoint_similarities
from hybridkp.models.losses.anchor_pose_loss import GAINS, AnchorPoseLoss
from hybridkp.ops.anchor_matches import match_anchors
from hybridkp.ops.pose_targets import PoseTargets

pytestmark = pytest.mark.usefixtures('mmpose_scope')
ROOT = Path(__file__).parents[3]
DATA = ROOT / 'tests/data/yolov7_w6_pose'
FACTS = json.loads((DATA / 'loss.json').read_text())
ARRAYS = dict(np.load(DATA / 'loss.npz'))
STRIDES = (8, 16, 32, 64)
THEIRS = dict(box='box', objectness='obj', classes='cls', keypoints='kpt', visibility='cls')
UNIT = dict.fromkeys(GAINS, 1.0)


@pytest.fixture(scope='module')
def anchors():
    return torch.tensor(Config.fromfile(ROOT / 'configs/_base_/models/yolov7_w6_pose.py').anchors).float()


@pytest.fixture(scope='module')
def sigmas():
    return Config.fromfile(ROOT / 'configs/_base_/skeletons/coco17.py').skeleton.sigmas


def stream(name, seed):
    """The random numbers of one tensor."""
    return np.random.RandomState((zlib.crc32(name.encode()) ^ seed) & 0xFFFFFFFF)


def drawn_maps(case):
    """Raw predictions of a case of the fixture."""
    facts, maps = FACTS['cases'][case], []
    for level, stride in enumerate(STRIDES, 3):
        shape = facts['batch'], 3, facts['height'] // stride, facts['width'] // stride, 57
        rows = stream(f'{case}/pred_p{level}', FACTS['seed']).standard_normal(shape).astype(np.float32)
        if case == 'near':
            rows[tuple(ARRAYS[f'near/override_index_p{level}'].T)] = ARRAYS[f'near/override_value_p{level}']
        maps.append(torch.from_numpy(rows).requires_grad_())
    return maps


def targets_of(case):
    """The people of a case of the fixture; what the original does not know of them is nonsense."""
    facts, table = FACTS['cases'][case], torch.from_numpy(ARRAYS[f'{case}/targets'])
    size = torch.tensor([facts['width'], facts['height']])
    nonsense = torch.full((len(table), 17), torch.nan)
    points = table[:, 6:].unflatten(1, (17, 2)) * size
    return PoseTargets(
        table[:, 0].long(), table[:, 1].long(), table[:, 2:6] * size.repeat(2), points, nonsense, nonsense[:, 0]
    )


def published(name, sigmas):
    gains = {ours: FACTS['gains'][name][theirs] for ours, theirs in THEIRS.items()}
    return AnchorPoseLoss(sigmas, 1, 'original', gains, rescale=False)


@pytest.mark.parametrize('case', FACTS['cases'])
def test_published_assignment(case, anchors, sigmas):
    facts, targets, atol = FACTS['cases'][case], targets_of(case), FACTS['rtol']['tbox_tkpt_atol']
    for level, stride in enumerate(STRIDES):
        boxes = targets.boxes / stride
        found = match_anchors(boxes, anchors[level] / stride, (facts['height'] // stride, facts['width'] // stride))
        table = torch.stack((targets.images[found.boxes], found.anchors, found.rows, found.columns), dim=1)
        assert torch.equal(table[found.valid], torch.from_numpy(ARRAYS[f'{case}/assign_p{level + 3}']).long())
        corner = torch.stack((found.columns, found.rows), dim=1)
        boxes = torch.cat((boxes[found.boxes, :2] - corner, boxes[found.boxes, 2:]), dim=1)
        points = published('unit', sigmas)._wanted(targets, found, corner.float(), stride)[0]
        for values, name in ((boxes, 'tbox'), (points.flatten(1), 'tkpt')):
            expected = torch.from_numpy(ARRAYS[f'{case}/{name}_p{level + 3}'])
            torch.testing.assert_close(values[found.valid], expected, rtol=0, atol=atol)


@pytest.mark.parametrize('case', FACTS['cases'])
@pytest.mark.parametrize('name', FACTS['gains'])
def test_published_losses_and_gradients(case, name, anchors, sigmas):
    maps, tolerance = drawn_maps(case), FACTS['rtol']
    losses = published(name, sigmas)(maps, targets_of(case), anchors, STRIDES)
    items = torch.stack([losses[part] for part in GAINS])
    expected = torch.from_numpy(ARRAYS[f'{case}/{name}/items']).float()
    torch.testing.assert_close(torch.cat((items, items.sum()[None])), expected, rtol=tolerance['items'], atol=1e-7)
    if name == 'unit':
        return
    batch = FACTS['cases'][case]['batch']
    for level, gradient in enumerate(torch.autograd.grad(items.sum() * batch, maps), 3):
        norms = gradient.flatten(0, 3).norm(dim=0)
        expected = torch.from_numpy(ARRAYS[f'{case}/{name}/grad_l2_p{level}'])
        torch.testing.assert_close(norms, expected, rtol=tolerance['grad_l2'], atol=1e-9)


def test_published_gains_at_960_px(sigmas):
    gains = {ours: FACTS['gains']['file'][theirs] for ours, theirs in THEIRS.items()}
    expected = {ours: FACTS['gains']['train960'][theirs] for ours, theirs in THEIRS.items()}
    assert AnchorPoseLoss(sigmas, 1, 'original', gains).factors(960 * 960, 4) == pytest.approx(expected)
    # confidences do not have the weight of classes where the rule is COCO's
    ours = AnchorPoseLoss(sigmas, 1, 'coco', gains).factors(960 * 960, 4)
    assert ours == pytest.approx(expected | dict(visibility=gains['visibility']))


def one_person(flags, x=40.0, areas=900.0):
    """A person with three keypoints in a 64x64 input, in the middle of a cell of stride 8."""
    points = torch.tensor([[[x, 20.0], [30.0, 44.0], [50.0, 50.0]]])
    flags = torch.tensor([flags], dtype=torch.float32)
    points = torch.where(flags[..., None] > 0, points, 0)
    zero = torch.zeros(1, dtype=torch.long)
    return PoseTargets(zero, zero, torch.tensor([[36.0, 36.0, 30, 40]]), points, flags, torch.tensor([areas]))


def small(rule='coco', **options):
    return AnchorPoseLoss([0.026, 0.079, 0.107], 1, rule, UNIT, rescale=False, **options)


ANCHORS = torch.tensor([[[30.0, 40.0]]])


def aimed(points, confidence=0.0, numbers=0):
    """Raw rows of one level of stride 8, all of which say the same points (K, 2) px."""
    rows = torch.zeros(1, 1, 8, 8, 6 + 9 + numbers)
    cells = torch.stack(torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing='xy'), dim=-1)
    raw = (points / 8 - cells[:, :, None] + 0.5) / 2
    rows[0, 0, :, :, 6:15].unflatten(-1, (3, 3))[..., :2] = raw
    rows[..., 8:15:3] = confidence
    return rows.requires_grad_()


def test_similarity_is_that_of_cocos_evaluation():
    person = one_person([2, 2, 1])
    shift = torch.tensor([[1.0, -2.0], [3.0, 1.0], [0.0, 4.0]])
    loss = small(pull=0)([aimed(person.keypoints[0] + shift)], person, ANCHORS, (8,))['keypoints']
    squares = shift.square().sum(dim=1).numpy().astype(float)
    similarity = keypoint_similarities(squares[None], np.array([900.0]), np.array([0.026, 0.079, 0.107]))
    assert loss.item() == pytest.approx(1 - similarity.mean(), rel=1e-5)
    # the published exponent is d^2 / (4 box sigma^2), of any area
    theirs = small('original')([aimed(person.keypoints[0] + shift)], one_person([2, 2, 1], areas=1.0), ANCHORS, (8,))
    exponents = squares / (4 * 30 * 40 * np.array([0.026, 0.079, 0.107]) ** 2)
    assert theirs['keypoints'].item() == pytest.approx(1 - np.exp(-exponents).mean(), rel=1e-5)


def test_what_is_not_labelled_does_not_count():
    person, far = one_person([2, 0, 1]), torch.tensor([[0.0, 0], [500, 500], [0, 0]])
    exact = small()([aimed(person.keypoints[0] + far)], person, ANCHORS, (8,))
    assert exact['keypoints'].item() == pytest.approx(0, abs=1e-6)


def test_a_keypoint_on_the_left_border_counts_by_its_flag():
    person = one_person([2, 2, 2], x=0.0)
    away = person.keypoints[0] + torch.tensor([[5.0, 0], [0, 0], [0, 0]])
    assert small()([aimed(away)], person, ANCHORS, (8,))['keypoints'] > 0.2
    assert small('original')([aimed(away)], person, ANCHORS, (8,))['keypoints'].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize('rule, wanted', [('coco', (1.0, 0.5, 0.0)), ('original', (1.0, 1.0, 0.0))])
def test_confidences_learn_the_flags(rule, wanted):
    person = one_person([2, 1, 0])
    rows = aimed(person.keypoints[0])
    small(rule)([rows], person, ANCHORS, (8,))['visibility'].backward()
    slopes = rows.grad.flatten(0, 3)[:, 8:15:3]
    responsible = slopes.abs().sum(dim=1) > 0
    # of a logit of 0 the slope is 1/2 less the target, as a mean of matches and keypoints
    expected = (0.5 - torch.tensor(wanted)) / (3 * responsible.sum())
    torch.testing.assert_close(slopes[responsible], expected.expand(responsible.sum(), 3))


def test_people_without_labels_teach_boxes_alone():
    person = one_person([0, 0, 0])
    for rule, teaches in (('coco', False), ('original', True)):
        losses = small(rule)([aimed(person.keypoints[0], confidence=1.0)], person, ANCHORS, (8,))
        assert (
            losses['objectness'] > 0 and losses['keypoints'] == 0 and all(loss.isfinite() for loss in losses.values())
        )
        assert bool(losses['visibility'] > 0) == teaches


def test_points_are_drawn_from_afar():
    person = one_person([2, 2, 2])
    far = person.keypoints[0] + torch.tensor([200.0, 0])
    slopes = {}
    for pull in (0.0, 0.1):
        rows = aimed(far)
        small(pull=pull)([rows], person, ANCHORS, (8,))['keypoints'].backward()
        slopes[pull] = rows.grad[..., 6:15:3].abs().max().item()
    assert slopes[0.0] < 1e-6 < 1e-3 < slopes[0.1]
    assert small('original', pull=0.1).pull == 0


def test_classes_where_there_are_several(sigmas):
    loss = AnchorPoseLoss([0.1], 3, 'coco', UNIT, rescale=False)
    person = one_person([2, 2, 2])
    person = person._replace(labels=torch.tensor([1]), keypoints=person.keypoints[:, :1], visibility=torch.ones(1, 1))
    rows = torch.zeros(1, 1, 8, 8, 5 + 3 + 3)
    rows[..., 5:8] = torch.tensor([-2.0, 3.0, 0.0])
    expected = np.mean([np.log1p(np.exp(-2)), np.log1p(np.exp(-3)), np.log(2)])
    assert loss([rows], person, ANCHORS, (8,))['classes'].item() == pytest.approx(expected, rel=1e-5)


def test_likelihood_is_that_of_the_labelled_errors():
    person = one_person([2, 0, 1])
    module = small(likelihood=dict(type='CovarianceLikelihood', loss_weight=0.5))
    shift = torch.tensor([[2.0, 0.0], [0.0, 99.0], [0.0, 1.0]])
    rows = aimed(person.keypoints[0] + shift, numbers=9)
    loss = module([rows], person, ANCHORS, (8,))['likelihood']
    side = 64 * (np.log(2) ** 2 + 0.02**2)  # the covariance of zeros is this times the identity
    expected = np.log(2 * np.pi) + np.log(side) + (4 + 1) / 2 / side / 2
    assert loss.item() == pytest.approx(0.5 * expected, rel=1e-4)
    loss.backward()
    assert rows.grad[..., 15:].any() and not rows.grad[..., :15].any()  # points are left to the similarity


def test_a_step_waits_for_no_value(anchors, sigmas):
    with torch.device('meta'):
        likelihood = dict(type='CovarianceLikelihood')
        module = AnchorPoseLoss(sigmas, 2, 'coco', UNIT, likelihood=likelihood)
        maps = [torch.empty(2, 3, 64 // s, 128 // s, 7 + 102, requires_grad=True) for s in STRIDES]
        people = (torch.empty(5, 4), torch.empty(5, 17, 2), torch.empty(5, 17), torch.empty(5))
        targets = PoseTargets(*(torch.empty(5, dtype=torch.long) for _ in range(2)), *people)
        losses = module(maps, targets, anchors.to('meta'), STRIDES)
        sum(losses.values()).backward()
    assert set(losses) == {*GAINS, 'likelihood'} and all(level.grad is not None for level in maps)


def test_half_precision_is_computed_in_full(anchors, sigmas):
    maps, module = [level.detach() for level in drawn_maps('plain')], published('unit', sigmas)
    exact = module([level.bfloat16().float() for level in maps], targets_of('plain'), anchors, STRIDES)
    low = module([level.bfloat16() for level in maps], targets_of('plain'), anchors, STRIDES)
    assert all(torch.equal(low[name], exact[name]) for name in GAINS)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(rule='COCO'), "expected a rule of .*, got 'COCO'"),
        (dict(gains=dict(box=1.0)), 'expected gains of at least 0 of .*box'),
        (dict(gains=UNIT | dict(box=-1.0)), 'expected gains of at least 0'),
        (dict(gains=UNIT | dict(person=1.0)), 'expected gains of at least 0'),
        (dict(pull=-0.1), 'expected a pull of at least 0, got -0.1'),
    ],
)
def test_wrong_settings(options, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(
            dict(type='AnchorPoseLoss', sigmas=[0.1], num_classes=1, **(dict(rule='coco', gains=UNIT) | options))
        )
