"""The estimator: from the input back to the image, published points, a step, and modes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from hybridkp.datasets.letterbox import Letterbox
from hybridkp.models.estimators.single_stage_estimator import _to_image

pytestmark = pytest.mark.usefixtures('mmpose_scope')
ROOT = Path(__file__).parents[3]
DATA = ROOT / 'tests/data/yolov7_w6_pose'


def metainfo(width, height, size):
    """What the letterbox says of an image of (width, height)."""
    results = Letterbox(size).transform(dict(img=np.zeros((height, width, 3), np.uint8)))
    keys = ('input_size', 'input_center', 'input_scale')
    return {key: results[key] for key in keys} | dict(ori_shape=(height, width), flip_indices=[0, 2, 1])


def people(boxes, keypoints, covariances):
    count, number = keypoints.shape[:2]
    return InstanceData(
        bboxes=boxes,
        bbox_scores=torch.ones(count),
        labels=torch.zeros(count, dtype=torch.long),
        keypoints=keypoints,
        keypoint_scores=torch.full((count, number), 0.5),
        keypoint_covariances=covariances,
    )


def tiny(**test_cfg):
    """A network of a few thousand parameters for three keypoints."""
    config = Config.fromfile(ROOT / 'configs/_base_/models/yolov7_n_pose.py').model
    widths = (8, 8, 8, 8)
    config.backbone.update(stem=4, stages=[(4, 4), (8, 4), (8, 4), (8, 4), (8, 4)])
    config.neck.update(in_channels=widths, channels=[4] * 4, out_channels=widths)
    config.head.update(in_channels=widths, num_keypoints=3, sigmas=[0.05] * 3)
    config.test_cfg.update(test_cfg)
    torch.manual_seed(0)
    return MODELS.build(config)


def test_published_points_of_a_picture():
    rows = np.load(DATA / 'nms.npz')['t025_045/rows_0']
    expected = np.load(DATA / 'nms.npz')['t025_045/keypoints_0_on_480x333'].reshape(-1, 17, 3)
    triples = torch.from_numpy(rows[:, 6:]).unflatten(1, (17, 3))
    covariances = torch.eye(2).expand(len(rows), 17, 2, 2)
    pred = _to_image(
        people(torch.from_numpy(rows[:, :4]), triples[..., :2], covariances), metainfo(480, 333, (640, 640))
    )
    np.testing.assert_allclose(
        pred.keypoints, expected[..., :2], atol=json.loads((DATA / 'nms.json').read_text())['rows_atol']
    )
    # all four columns of every row are in the picture, which the original leaves out
    assert (pred.bboxes >= 0).all() and (pred.bboxes <= [480, 333, 480, 333]).all()


def test_way_back_by_hand():
    meta = metainfo(200, 100, (128, 128))  # scaled by 0.64, 32 px of border above
    boxes, points = torch.tensor([[0.0, 32, 64, 64]]), torch.tensor([[[64.0, 64], [0, 0], [128, 96]]])
    covariances = torch.tensor([[4.0, 1], [1, 2]]).expand(1, 3, 2, 2)
    pred = _to_image(people(boxes, points, covariances), meta)
    np.testing.assert_allclose(pred.bboxes, [[0, 0, 100, 50]], atol=1e-4)
    np.testing.assert_allclose(pred.keypoints, [[[100, 50], [0, 0], [200, 100]]], atol=1e-4)  # what is outside is moved
    np.testing.assert_allclose(pred.keypoint_covariances[0, 0], np.array([[4, 1], [1, 2]]) / 0.64**2, rtol=1e-5)
    assert pred.keypoints.dtype == np.float32 and pred.labels.dtype == np.int64
    np.testing.assert_array_equal(pred.keypoints_visible, pred.keypoint_scores)


def test_nobody_is_found():
    pred = _to_image(
        people(torch.zeros(0, 4), torch.zeros(0, 3, 2), torch.zeros(0, 3, 2, 2)), metainfo(50, 60, (64, 64))
    )
    assert len(pred) == 0 and pred.keypoints.shape == (0, 3, 2) and pred.keypoint_covariances.shape == (0, 3, 2, 2)


@pytest.mark.parametrize('flip_test', [False, True])
def test_predicts_a_batch_as_a_loader_gives_it(flip_test):
    model = tiny(flip_test=flip_test, score_threshold=0.0, max_people=7).eval()
    images = [torch.randint(256, (3, 64, 128), dtype=torch.uint8) for _ in range(2)]
    samples = [PoseDataSample(metainfo=metainfo(*size, (128, 64))) for size in ((100, 40), (30, 90))]
    with torch.no_grad():
        found = model.test_step(dict(inputs=images, data_samples=samples))
    assert [len(sample.pred_instances) for sample in found] == [7, 7]
    for sample in found:
        pred, (height, width) = sample.pred_instances, sample.ori_shape
        assert pred.keypoints.shape == (7, 3, 2) and pred.keypoint_covariances.shape == (7, 3, 2, 2)
        assert (np.diff(pred.bbox_scores) <= 0).all()
        assert (pred.keypoints >= 0).all() and (pred.keypoints <= [width, height]).all()


def test_mirrored_images_have_mirrored_predictions():
    model = tiny(flip_test=True, score_threshold=0.0, iou_threshold=1.0, max_people=100).eval()
    image = torch.randint(256, (3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    meta, found = metainfo(64, 64, (64, 64)), []
    for view in (image, image.flip(-1)):
        with torch.no_grad():
            (sample,) = model.test_step(dict(inputs=[view], data_samples=[PoseDataSample(metainfo=meta)]))
        found.append(sample.pred_instances)
    first, second = found
    np.testing.assert_allclose(first.bbox_scores, second.bbox_scores, atol=1e-5)
    centres = [np.sort(pred.bboxes[:, ::2].mean(axis=1)) for pred in found]
    np.testing.assert_allclose(centres[0], centres[1], atol=0.05)  # both views are in both


def test_a_step_waits_for_no_value():
    with torch.device('meta'):
        model = tiny()
        sample = PoseDataSample(metainfo=dict(input_size=(128, 64)))
        labels = dict(box_labels=4, keypoint_labels=(3, 2), keypoint_flags=3, instance_areas=())
        shapes = {name: (2, *([shape] if isinstance(shape, int) else shape)) for name, shape in labels.items()}
        sample.gt_instance_labels = InstanceData(
            class_labels=torch.empty(2, dtype=torch.long),
            **{name: torch.empty(shape) for name, shape in shapes.items()},
        )
        losses = model(torch.empty(1, 3, 64, 128), [sample], mode='loss')
        sum(losses.values()).backward()
    assert all(value.grad is not None for value in model.parameters())


def test_modes_and_sizes():
    model = tiny().eval()
    assert [tuple(level.shape) for level in model(torch.zeros(1, 3, 64, 64))] == [
        (1, 3, 64 // stride, 64 // stride, 15) for stride in (8, 16, 32, 64)
    ]
    with pytest.raises(ValueError, match="mode is 'tensor', 'loss' or 'predict', not 'x'"):
        model(torch.zeros(1, 3, 64, 64), mode='x')
    with pytest.raises(ValueError, match='multiples of 64 px, not 32x64'):
        model(torch.zeros(1, 3, 32, 64))
