"""The head: suppression equal to the published one, scores, flip test, covariances, and what is refused."""

import json
import math
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

pytestmark = pytest.mark.usefixtures('mmpose_scope')
DATA = Path(__file__).parents[2] / 'data/yolov7_w6_pose'
FACTS = json.loads((DATA / 'nms.json').read_text())
ARRAYS = dict(np.load(DATA / 'nms.npz'))
GAINS = dict(box=0.05, objectness=0.7, classes=0.3, keypoints=0.1, visibility=0.05)
PAIRS = [0, *(k + 1 if k % 2 else k - 1 for k in range(1, 17))]


def head(rule='coco', keypoints=17, likelihood=False, **options):
    loss = dict(type='AnchorPoseLoss', gains=GAINS)
    if likelihood:
        loss |= dict(likelihood=dict(type='CovarianceLikelihood'))
    settings = dict(in_channels=(4, 8), anchors=[[(8, 8), (16, 16)], [(32, 32), (48, 48)]], strides=(8, 16))
    torch.manual_seed(0)
    settings |= dict(type='YoloPoseHead', num_keypoints=keypoints, sigmas=[0.05] * keypoints, loss=loss, rule=rule)
    return MODELS.build(settings | options)


def feats(generator, batch=2):
    return torch.randn(batch, 4, 8, 12, generator=generator), torch.randn(batch, 8, 4, 6, generator=generator)


def samples(count, keypoints=17, people=1):
    made = []
    for _ in range(count):
        sample = PoseDataSample(metainfo=dict(flip_indices=list(range(keypoints))))
        sample.gt_instance_labels = InstanceData(
            box_labels=torch.tensor([[20.0, 20, 40, 44]]).repeat(people, 1),
            keypoint_labels=torch.full((people, keypoints, 2), 30.0),
            keypoint_flags=torch.full((people, keypoints), 2.0),
            instance_areas=torch.full((people,), 200.0),
            class_labels=torch.zeros(people, dtype=torch.long),
        )
        made.append(sample)
    return made


def rows_of(pred):
    """A prediction as the published suppression writes it."""
    points = torch.cat((pred.keypoints, pred.keypoint_scores[..., None]), dim=2).flatten(1)
    return torch.cat((pred.bboxes, pred.bbox_scores[:, None], pred.labels[:, None], points), dim=1)


@pytest.mark.parametrize('case', FACTS['cases'])
def test_published_suppression(case):
    facts, rows = FACTS['cases'][case], torch.from_numpy(ARRAYS['prediction'])
    limits = dict(score_threshold=facts['confidence_threshold'], iou_threshold=facts['iou_threshold'])
    found = head('original').select(rows, limits)
    assert [len(pred) for pred in found] == facts['kept']
    for i, pred in enumerate(found):
        kept = rows[i, torch.from_numpy(ARRAYS[f'{case}/index_{i}']).long()]
        torch.testing.assert_close(pred.bbox_scores, kept[:, 4] * kept[:, 5])
        assert torch.equal(pred.keypoint_scores, kept[:, 8::3])
        if f'{case}/rows_{i}' in ARRAYS:
            expected = torch.from_numpy(ARRAYS[f'{case}/rows_{i}'])
            torch.testing.assert_close(rows_of(pred), expected, rtol=FACTS['rows_rtol'], atol=FACTS['rows_atol'])


def test_published_limit_of_300_people():
    order = np.random.RandomState((zlib.crc32(b'nms/many') ^ FACTS['seed']) & 0xFFFFFFFF).permutation(500)
    i, rows = np.arange(500), np.zeros((1, 500, 57), np.float32)
    rows[0, :, :4] = np.stack((20 + 30 * (i % 25), 20 + 30 * (i // 25), 0 * i + 10, 0 * i + 10), axis=1)
    rows[0, :, 4], rows[0, :, 5] = 0.05 + 0.9 * order / 500, 1
    (pred,) = head('original').select(torch.from_numpy(rows), {})
    assert len(pred) == 300
    assert torch.equal(pred.bbox_scores, torch.from_numpy(rows[0, ARRAYS['many/order'], 4]))


def test_score_of_one_class_is_the_objectness():
    rows = torch.from_numpy(ARRAYS['prediction'])
    (ours, _), (theirs, _) = (head(rule).select(rows, dict(score_threshold=0.25)) for rule in ('coco', 'original'))
    assert set(ours.bbox_scores.tolist()) <= set(rows[0, :, 4].tolist())
    assert len(ours) > len(theirs)


def test_likeliest_of_several_classes():
    rows = torch.zeros(1, 2, 5 + 3 + 6)
    rows[..., :4] = torch.tensor([10.0, 10, 8, 8])  # one place, two classes
    rows[0, :, 4], rows[0, 0, 5:8], rows[0, 1, 5:8] = 0.8, torch.tensor([0.1, 0.9, 0.2]), torch.tensor([0.5, 0.2, 0.1])
    (pred,) = head(keypoints=2, num_classes=3).select(rows, {})
    assert pred.labels.tolist() == [1, 0]
    torch.testing.assert_close(pred.bbox_scores, torch.tensor([0.72, 0.4]))


def test_rows_are_in_the_published_order(generator):
    model, inputs = head().eval(), feats(generator)
    with torch.no_grad():
        maps, decoded = model(inputs), model.decode(inputs)
    assert [tuple(level.shape) for level in maps] == [(2, 2, 8, 12, 57), (2, 2, 4, 6, 57)]
    assert decoded.shape == (2, 2 * (96 + 24), 57)
    place = 192 + 24 + 2 * 6 + 5  # second level, second anchor, row 2, column 5
    raw = maps[1][0, 1, 2, 5]
    assert decoded[0, place, 0].item() == pytest.approx(((2 * raw[0].sigmoid() - 0.5 + 5) * 16).item())
    assert decoded[0, place, 3].item() == pytest.approx(((2 * raw[3].sigmoid()) ** 2 * 48).item())


@pytest.mark.parametrize('likelihood', [False, True])
def test_mirrored_twice_is_the_same(likelihood, generator):
    model = head(likelihood=likelihood).eval()
    with torch.no_grad():
        rows = model.decode(feats(generator))
    mirrored = model.mirrored(rows, 96, PAIRS)
    torch.testing.assert_close(model.mirrored(mirrored, 96, PAIRS), rows, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(mirrored[..., 0], 96 - rows[..., 0])
    torch.testing.assert_close(mirrored[..., 9], 96 - rows[..., 12])  # the left eye is what the right one was
    if likelihood:
        torch.testing.assert_close(mirrored[..., 57 + 4], -rows[..., 57 + 7])  # and its mixed term has the other sign


def test_flip_test_lets_the_mirrored_image_compete(generator):
    model, inputs = head().eval(), feats(generator, batch=1)
    limits = dict(score_threshold=0.0, iou_threshold=1.0, max_people=1000)
    metas = samples(1)
    with torch.no_grad():
        (alone,) = model.predict(inputs, metas, limits)
        (both,) = model.predict([inputs, inputs], metas, dict(limits, flip_test=True))
    assert len(both) == 2 * len(alone) == 480
    centres = both.bboxes[:, ::2].mean(dim=1)
    torch.testing.assert_close(centres.sort().values, (96 - centres).sort().values, atol=1e-3, rtol=1e-4)


def test_covariances_without_a_likelihood_are_the_annotators_spread(generator):
    model = head(keypoints=2, sigmas=[0.05, 0.1]).eval()
    with torch.no_grad():
        pred = model.predict(feats(generator), samples(2, 2), dict(score_threshold=0.0))[0]
    areas = 0.53 * (pred.bboxes[:, 2:] - pred.bboxes[:, :2]).prod(dim=1)
    expected = areas[:, None] * torch.tensor([0.05, 0.1]) ** 2
    torch.testing.assert_close(pred.keypoint_covariances, expected[..., None, None] * torch.eye(2))


def test_covariances_with_a_likelihood_are_regressed(generator):
    model = head(keypoints=2, likelihood=True).eval()
    with torch.no_grad():
        for layers in model.levels:
            layers.shapes.weight.mul_(50)
        pred = model.predict(feats(generator), samples(2, 2), dict(score_threshold=0.0))[0]
    covariances = pred.keypoint_covariances
    assert covariances.shape == (len(pred), 2, 2, 2) and torch.equal(covariances, covariances.mT)
    assert (torch.linalg.eigvalsh(covariances) > 0).all() and covariances[..., 0, 1].abs().max() > 1


@pytest.mark.parametrize('people', [0, 3])
@pytest.mark.parametrize('likelihood', [False, True])
def test_every_parameter_learns_if_somebody_is_there(people, likelihood, generator):
    model = head(keypoints=2, likelihood=likelihood)
    losses = model.loss(feats(generator), samples(2, 2, people))
    sum(losses.values()).backward()
    assert all(loss.isfinite() for loss in losses.values())
    assert set(losses) == {f'loss_{name}' for name in GAINS} | ({'loss_likelihood'} if likelihood else set())
    gradients = {name: value.grad for name, value in model.named_parameters()}
    assert all(gradient is not None for gradient in gradients.values())  # several processes wait for each other's
    assert not people or all(gradient.any() for gradient in gradients.values())
    assert bool(losses['loss_box'] > 0) == bool(people)


def test_losses_grow_with_the_batch(generator):
    model = head(keypoints=2).eval()
    one = feats(generator, batch=1)
    alone, twice = (
        model.loss(tuple(level.repeat(count, 1, 1, 1) for level in one), samples(count, 2)) for count in (1, 2)
    )
    for name, value in alone.items():
        torch.testing.assert_close(twice[name], 2 * value)


@pytest.mark.parametrize('rule, anchors', [('coco', (0, 1)), ('original', (0,))])
def test_few_objects_at_first(rule, anchors, generator):
    torch.manual_seed(0)
    model = head(rule)
    model.init_weights()
    with torch.no_grad():
        fine, coarse = (level[..., 4].mean(dim=(0, 2, 3)) for level in model.eval()(feats(generator)))
    for level, stride in ((fine, 8), (coarse, 16)):
        for anchor in range(2):
            expected = math.log(8 / (640 / stride) ** 2) if anchor in anchors else 0
            assert level[anchor].item() == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(strides=(8,)), 'as many in_channels, anchors and strides'),
        (dict(in_channels=(4,) * 5, anchors=[[(8, 8)]] * 5, strides=(4, 8, 16, 32, 64)), 'up to 4'),
        (dict(sigmas=[0.1]), 'expected 17 sigmas, as there are keypoints, got 1'),
    ],
)
def test_wrong_settings(options, message):
    with pytest.raises(ValueError, match=message):
        head(**options)
