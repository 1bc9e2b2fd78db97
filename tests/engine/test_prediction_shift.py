"""The guard: what it measures on known movements, what it refuses."""

import types

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import nn
from torch.utils.data import DataLoader, Dataset

from hybridkp.engine import prediction_shift
from hybridkp.engine.inference_settings import InferenceSettings
from hybridkp.engine.prediction_shift import PredictionShift, apply_guarded
from hybridkp.errors import InputError

HALF = InferenceSettings('bfloat16')


class Frames(Dataset):
    """Images of which the input shows twice (x) and four times (y) as many px."""

    metainfo = dict(keypoint_id2name={0: 'nose', 1: 'tail'})

    def __init__(self, count):
        self.count, self.read = count, []

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.read.append(index)
        meta = dict(input_size=(64, 64), input_scale=np.array([32.0, 16.0]), img_path=f'{index}.png', id=index)
        return dict(inputs=torch.zeros(3, 8, 8), data_samples=PoseDataSample(metainfo=meta))


class Network(nn.Module):
    """A model that puts keypoints at (10, 20) and moves them as it is told once its settings are changed.

    ``moved`` and ``scores`` are what differs: {(image, keypoint): value}, in px of the image.
    """

    def __init__(self, moved=None, scores=None, keypoints=2, instances=1):
        super().__init__()
        self.backbone = nn.Identity()
        self.moved, self.scores, self.keypoints = moved or {}, scores or {}, keypoints
        self.instances = instances
        self.batches, self.modes = [], []

    def extract_feat(self, images):
        return images

    def test_step(self, data):
        self.batches.append(len(data['inputs']))
        self.modes.append((self.training, torch.is_grad_enabled()))
        for sample in data['data_samples']:
            points = np.tile(np.float32([10, 20]), (self.instances, self.keypoints, 1))
            scores = np.full((self.instances, self.keypoints), 0.9, dtype=np.float32)
            for keypoint in range(self.keypoints):
                key = sample.metainfo['id'], keypoint
                scores[0, keypoint] = self.scores.get(key, 0.9)
                if 'extract_feat' in vars(self):
                    points[0, keypoint] += self.moved.get(key, 0)
            sample.pred_instances = InstanceData(keypoints=points, keypoint_scores=scores)
        return data['data_samples']


def guard(model, count=16, batch_size=8, max_shift=0.1, settings=HALF):
    loader = DataLoader(Frames(count), batch_size, collate_fn=pseudo_collate)
    return apply_guarded(settings, model, loader, max_shift), loader


def test_movements_are_in_px_of_the_input():
    model = Network({(3, 1): (0.01, 0.02), (5, 0): (0.03, 0)})
    shift, _ = guard(model)
    assert shift.movements[:2] == pytest.approx([np.hypot(0.02, 0.08), 0.06], abs=1e-5)
    assert shift.movements[2:] == [0] * 30 and shift.images == 16
    assert shift.places[:2] == ['tail of 3.png', 'nose of 5.png']
    assert str(shift).startswith('tail of 3.png by 0.0825 px of the input, the farthest of 32 keypoints with a score ')
    assert model.batches == [8] * 4 and set(model.modes) == {(False, False)}
    assert 'extract_feat' in vars(model)


def test_images_are_spread_over_the_set():
    _, loader = guard(Network(), count=1000)
    assert len(loader.dataset.read) == 16 and loader.dataset.read[::15] == [0, 999]
    assert min(np.diff(loader.dataset.read)) > 60
    _, loader = guard(Network(), count=3)
    assert loader.dataset.read == [0, 1, 2]


def test_a_keypoint_that_moves_too_far_is_named():
    moved = {(4, 0): (0, 0.03), (7, 1): (0.06, 0)}
    expected = r'--amp bf16 moves 2 keypoints by more than 0.1 px \(--max-shift\): \w+ of [47].png by 0.12 px'
    with pytest.raises(InputError, match=expected):
        guard(Network(moved))
    assert guard(Network(moved), max_shift=0.13)[0].movements[0] == pytest.approx(0.12, abs=1e-5)


@pytest.mark.parametrize('lost', [np.nan, np.inf])
def test_a_lost_keypoint_is_infinitely_far(lost):
    with pytest.raises(InputError, match='nose of 0.png by inf px'):
        guard(Network({(0, 0): lost}))


def test_unsure_keypoints_may_jump():
    shift, _ = guard(Network({(4, 0): 50}, {(4, 0): 0.3}))
    assert shift.movements == [0] * 31


def test_one_in_a_hundred_may_jump():
    jumps = {(2, 0): 50, (3, 0): 40}
    shift, _ = guard(Network(dict([*jumps.items()][:1]), keypoints=7))
    assert len(shift.movements) == 112 and shift.movements[0] > 100 and shift.decisive == 0
    with pytest.raises(InputError, match='moves 2 keypoints'):
        guard(Network(jumps, keypoints=7))
    with pytest.raises(InputError, match='moves 1 keypoints'):
        guard(Network({(2, 0): 50}, keypoints=6))
    assert PredictionShift([3.0] * 2 + [1.0] * 198, ['a'] * 200, 16).decisive == 1


def test_nothing_can_be_told_without_a_sure_keypoint():
    scores = {(image, keypoint): 0.2 for image in range(16) for keypoint in range(2)}
    with pytest.raises(InputError, match=r'got none in 16 images; --max-shift inf takes it unseen'):
        guard(Network(scores=scores))


def test_models_that_find_people_are_not_compared():
    with pytest.raises(InputError, match='expected one instance an image to tell what settings do, got 3; --max'):
        guard(Network(instances=3))


@pytest.mark.parametrize('options', [dict(max_shift=float('inf')), dict(settings=InferenceSettings())])
def test_nothing_is_predicted_where_nothing_is_asked(options):
    model = Network({(0, 0): 50})
    shift, loader = guard(model, **options)
    assert shift is None and not model.batches and not loader.dataset.read
    assert ('extract_feat' in vars(model)) == ('max_shift' in options)


@pytest.mark.parametrize('bound', [-1, float('nan')])
def test_bound_is_a_distance(bound):
    with pytest.raises(InputError, match='--max-shift is a distance in px'):
        guard(Network(), max_shift=bound)


def test_the_network_is_told_the_size_of_a_batch(monkeypatch):
    told = []
    settings = types.SimpleNamespace(apply=lambda model, size: told.append(size))
    monkeypatch.setattr(prediction_shift, 'IMAGES', 4)
    guard(Network(), batch_size=64, settings=settings)
    assert told == [64]
