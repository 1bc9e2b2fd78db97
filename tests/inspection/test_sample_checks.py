"""What targets make of the labels of samples."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.registry import KEYPOINT_CODECS
from mmpose.structures import PoseDataSample

from hybridkp.inspection.data_part import data_parts
from hybridkp.inspection.reading import read_samples
from hybridkp.inspection.sample_checks import check_kept_labels, check_targets

ROOT = Path(__file__).parents[2]


def sample(points, weights=None, size=(64, 64), labelled=None):
    points = torch.tensor(points, dtype=torch.float32)[None]
    weights = torch.ones(points.shape[:2]) if weights is None else torch.tensor([weights], dtype=torch.float32)
    given = PoseDataSample(metainfo=dict(input_size=size))
    given.gt_instance_labels = InstanceData(keypoint_labels=points, keypoint_weights=weights)
    visible = np.ones(weights.shape) if labelled is None else np.array([labelled])
    given.gt_instances = InstanceData(keypoints_visible=visible)
    return dict(inputs=torch.zeros(3, size[1], size[0], dtype=torch.uint8), data_samples=given)


@pytest.mark.parametrize(
    'inside, trains, level',
    [(20, False, 'ok'), (18, False, 'warn'), (18, True, 'ok'), (10, True, 'warn'), (1, True, 'FAIL')],
)
def test_labels_that_the_crop_keeps(inside, trains, level):
    weights = [1.0] * inside + [0.0] * (20 - inside)
    finding = check_kept_labels('train', [sample([[9, 9]] * 20, weights)] * 2, trains)
    assert finding.level == level and f'{5 * inside}.0 % of 40 labelled keypoints' in finding.what


def test_what_is_not_labelled_does_not_count():
    finding = check_kept_labels('val', [sample([[9, 9]] * 2, [1, 0], labelled=[1, 0])], False)
    assert finding.level == 'ok' and '100.0 % of 1 labelled' in finding.what


def test_a_closer_look_need_not_show_the_keypoints_of_others():
    look = sample([[9, 9]] * 3, [1, 0, 1])
    look['data_samples'].set_metainfo(dict(own_keypoints=np.array([True, False, False])))
    finding = check_kept_labels('train', [look], True)
    assert finding.level == 'ok' and '100.0 % of 1 labelled' in finding.what


def codec(**settings):
    return KEYPOINT_CODECS.build(
        dict(type='AnisotropicHeatmap', covariance=dict(type='FixedCovariance', sigma=4)) | settings
    )


POINTS = [[20.3, 31.7], [40, 12.25], [33.3, 50.1]]


def test_targets_bring_labels_back(mmpose_scope):
    (finding,) = check_targets('train', codec(), [sample(POINTS)])
    assert finding.level == 'ok' and finding.what.startswith('train: targets of AnisotropicHeatmap: 3 labels come back')


def test_published_targets_round(mmpose_scope):
    published = KEYPOINT_CODECS.build(dict(type='PublishedHeatmap', rule='official', sigma=8))
    (finding,) = check_targets('train', published, [sample(POINTS)])
    assert finding.level == 'warn' and 'rounds' in finding.mend


class Shifted(torch.nn.Module):
    """A codec whose decoder is off by a fifth of a pixel where x is above a bound."""

    stride = 4

    def __init__(self, inner, bound):
        super().__init__()
        self.inner, self.bound = inner, bound

    def target_covariance(self, *arguments):
        return self.inner.target_covariance(*arguments)

    def encode(self, *arguments):
        return self.inner.encode(*arguments)

    def decode(self, heatmaps):
        points, scores, covariances = self.inner.decode(heatmaps)
        points[..., 0] += 0.2 * (points[..., 0] > self.bound)
        return points, scores, covariances


@pytest.mark.parametrize('bound, level', [(100, 'ok'), (35, 'FAIL')])
def test_a_decoder_that_is_wrong(bound, level, mmpose_scope):
    (finding,) = check_targets('train', Shifted(codec(), bound), [sample(POINTS)])
    assert finding.level == level
    assert level == 'ok' or '33.3 % are more than 0.1 px off' in finding.what


def test_one_in_many(mmpose_scope):
    points = np.random.default_rng(0).uniform(10, 34, (150, 2)).tolist()
    points[7] = [36, 20]
    (finding,) = check_targets('train', Shifted(codec(), 35), [sample(points)])
    assert finding.level == 'warn' and '1 are more than 0.1 px off' in finding.what


def test_labels_without_weight_and_on_the_rim_are_left_out(mmpose_scope):
    assert list(check_targets('train', codec(), [sample([[1, 30], [30, 63]])])) == []
    assert list(check_targets('train', codec(), [sample(POINTS, [0, 0, 0])])) == []


def test_samples_of_the_mouse(mmpose_scope, monkeypatch):
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile('configs/animal/hybridnet_s_mirror_mouse_256x256.py')
    reading = read_samples(data_parts(cfg)[1].build(), 3)
    assert len(reading.samples) == 3 and check_kept_labels('val', reading.samples, False).level == 'ok'
    learned = KEYPOINT_CODECS.build(cfg.model.head.codec | dict(num_keypoints=17))
    (finding,) = check_targets('val', learned, reading.samples)
    assert finding.level == 'ok'
