"""Two networks, of which the second looks at what is around the first one's points."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from hybridkp.engine.launch import load_config
from hybridkp.engine.trained_model import build_trained
from hybridkp.errors import InputError
from hybridkp.evaluation import ResultFile
from hybridkp.inference.first_stage import FirstStage
from hybridkp.inference.keypoint_inferencer import KeypointInferencer

FRAMES = Path(__file__).parents[1] / 'data/mirror_mouse/labeled-data'
PATHS = [str(path) for path in sorted(FRAMES.glob('*.png'))[:3]]


def first_stage(network):
    return FirstStage(Config.fromfile(network[0]), network[1:], 'cpu')


def test_boxes_are_around_the_points(random_network):
    images = [cv2.imread(path) for path in PATHS]
    first = first_stage(random_network('mouse'))
    for (boxes, scores, points, covariances), image in zip(first(images), images, strict=True):
        assert points.shape == (1, 17, 2) and scores.tolist() == [1] and covariances.shape == (1, 17, 2, 2)
        assert boxes[0].tolist() == [*points[0].min(axis=0), *points[0].max(axis=0)]
        assert first.predictor.predict([image], [None])[0].keypoints == pytest.approx(points, abs=1e-3)
    assert first.name == 'mouse.py mouse_0.pth'


def test_the_second_network_looks_near_the_points(random_network):
    second = KeypointInferencer(*random_network('closeups'), 'cpu', detector=random_network('mouse'))
    first = list(KeypointInferencer(*random_network('mouse'), 'cpu')(PATHS))
    for people, before, path in zip(second(PATHS), first, PATHS, strict=True):
        corners = before.keypoints[0]
        box = np.concatenate((corners.min(axis=0), corners.max(axis=0)))
        np.testing.assert_allclose(people.bboxes, box[None], atol=1e-3)
        reach = 0.2 * 1.2 * np.ptp(corners, axis=0).max()  # the input is a square, and its points are random
        (alone,) = second.predictor.predict([cv2.imread(path)], [(box[None], np.ones(1))])
        assert (np.linalg.norm(alone.keypoints - before.keypoints, axis=-1) > 1.2 * reach).any()
        assert (np.linalg.norm(people.keypoints - before.keypoints, axis=-1) < 1.2 * reach).all()
    assert second.boxes_from == 'detector mouse.py mouse_0.pth'


def test_nobody_is_found_where_all_points_are_one(random_network, monkeypatch):
    first, image = first_stage(random_network('mouse')), cv2.imread(PATHS[0])
    (people,) = first.predictor.predict([image], [None])
    people.keypoints[:] = 3
    monkeypatch.setattr(first.predictor, 'predict', lambda images, boxes: [people])
    ((boxes, scores, points, covariances),) = first([image])
    assert boxes.shape == (0, 4) and scores.shape == (0,) and points.shape == (0, 17, 2)
    assert covariances.shape == (0, 17, 2, 2)
    second = KeypointInferencer(*random_network('closeups'), 'cpu')
    (nobody,) = second.predictor.predict([image], [(boxes, scores, points, covariances)])
    assert nobody.keypoints.shape == (0, 17, 2)


def test_a_network_that_needs_boxes_is_no_first_one(random_network):
    for kind in ('people', 'closeups'):
        with pytest.raises(InputError, match=f'{kind}.py: expected a detector, or the first of two networks'):
            first_stage(random_network(kind))


def test_both_have_the_same_keypoints(random_network):
    with pytest.raises(InputError, match=r"mouse.py: expected the keypoints of .*people.py, \['nose'"):
        KeypointInferencer(*random_network('people'), 'cpu', detector=random_network('mouse'))


def test_a_first_network_may_be_several(random_network):
    config, checkpoint = random_network('mouse')
    _, other = random_network('mouse', seed=1)
    image = cv2.imread(PATHS[0])
    both, one = (first_stage((config, *paths)) for paths in ((checkpoint, other), (checkpoint,)))
    (together,) = KeypointInferencer(config, [checkpoint, other], 'cpu')(image)
    assert both([image])[0][2] == pytest.approx(together.keypoints, abs=1e-3)
    assert both([image])[0][2] != pytest.approx(one([image])[0][2], abs=0.1)
    assert both.name == 'mouse.py mouse_0.pth mouse_1.pth'
    detector = random_network('detector')
    with pytest.raises(InputError, match='detector.py: expected one checkpoint of a detector, got 2'):
        KeypointInferencer(*random_network('people'), 'cpu', detector=[*detector, detector[1]])


@pytest.fixture
def both_ways(random_network, tmp_path):
    """Give what a second network's test finds, of the file that a first test writes, and inference with both."""

    def find(settings):
        labels = json.loads((FRAMES.parent / 'test.json').read_text())
        paths = [str(FRAMES.parent / image['file_name']) for image in labels['images']]
        found = list(KeypointInferencer(*random_network('mouse'), 'cpu')(paths))
        entries = [
            dict(
                image_id=image['id'],
                keypoints=np.c_[people.keypoints[0], people.keypoint_scores[0]].ravel().tolist(),
                keypoint_covariances=people.keypoint_covariances[0].reshape(-1, 4)[:, [0, 1, 3]].tolist(),
            )
            for image, people in zip(labels['images'], found, strict=True)
        ]
        (tmp_path / 'points.json').write_text(json.dumps(entries))
        config, checkpoint = random_network('closeups')
        settings = {'test_dataloader.dataset.points_file': str(tmp_path / 'points.json'), **settings}
        cfg = load_config(config, settings, None)
        with DefaultScope.overwrite_default_scope('mmpose'), torch.no_grad():
            model, loader = build_trained(cfg, [checkpoint], 'cpu'), Runner.build_dataloader(cfg.test_dataloader)
            tested = [sample.to_dict() for batch in loader for sample in model.test_step(batch)]
        both = KeypointInferencer(config, checkpoint, 'cpu', detector=random_network('mouse'), cfg_options=settings)
        return tested, list(both(paths))

    return find


def test_a_test_and_inference_agree(both_ways):
    tested, both = both_ways({})
    for one, other in zip(tested, both, strict=True):
        np.testing.assert_allclose(one['pred_instances']['keypoints'], other.keypoints, atol=0.01)
        np.testing.assert_allclose(one['pred_instances']['bboxes'], other.bboxes, atol=0.01)


def test_both_merge_what_both_networks_find(both_ways):
    (alone, _), (merged, both) = (both_ways({'model.test_cfg.merge_prior': merge}) for merge in (False, True))
    for before, one, other in zip(alone, merged, both, strict=True):
        for name in ('keypoints', 'keypoint_covariances'):
            np.testing.assert_allclose(one['pred_instances'][name], other[name], rtol=1e-3, atol=0.01)
        assert not np.allclose(before['pred_instances']['keypoints'], one['pred_instances']['keypoints'], atol=0.1)


def test_three_networks_one_after_another(random_network):
    stages = [random_network('mouse'), random_network('closeups')]
    three = KeypointInferencer(*random_network('closeups', seed=1), 'cpu', detector=stages)
    two = KeypointInferencer(*stages[1], 'cpu', detector=stages[0])
    for people, before in zip(three(PATHS), two(PATHS), strict=True):
        points = before.keypoints[0]
        box = np.concatenate((points.min(axis=0), points.max(axis=0)))
        np.testing.assert_allclose(people.bboxes, box[None], atol=1e-3)
    assert three.boxes_from == 'detector mouse.py mouse_0.pth, closeups.py closeups_0.pth'


def test_what_cannot_follow_another_network(random_network):
    mouse, people, detector = (random_network(kind) for kind in ('mouse', 'people', 'detector'))
    for stages, message in (
        ([detector, mouse], 'mouse.py: expected a network of landmarks before it, got the detector detector.py'),
        ([mouse, detector], 'detector.py: expected one detector, or networks of landmarks one after another'),
        ([mouse, people], r"mouse.py: expected the keypoints of .*people.py, \['nose'"),
    ):
        with pytest.raises(InputError, match=message):
            KeypointInferencer(*random_network('closeups'), 'cpu', detector=stages)


def groups(random_network):
    """Three groups of a mouse's 17 keypoints."""
    names = Config.fromfile(random_network('mouse')[0]).test_dataloader.dataset.skeleton.keypoints
    return {'test_dataloader.dataset.groups': [names[:8:2], names[1:8:2], names[8:]]}


def test_looks_at_groups_find_the_same_in_a_test_and_in_inference(both_ways, random_network, tmp_path):
    tested, both = both_ways(groups(random_network))
    assert len(tested) == 3 * len(both)
    file = ResultFile(str(tmp_path / 'found.json'))
    file.process({}, tested)
    file.evaluate(len(tested))
    entries = json.loads((tmp_path / 'found.json').read_text())
    for entry, other in zip(entries, both, strict=True):
        points = np.reshape(entry['keypoints'], (-1, 3))
        np.testing.assert_allclose(points[:, :2], other.keypoints[0], atol=0.01)
        np.testing.assert_allclose(points[:, 2], other.keypoint_scores[0], atol=1e-3)
        variances = np.array(entry['keypoint_covariances'])[:, [0, 2]]
        np.testing.assert_allclose(variances, other.keypoint_covariances[0][:, [0, 1], [0, 1]], rtol=0.01)
        x, y, width, height = entry['bbox']
        np.testing.assert_allclose([[x, y, x + width, y + height]], other.bboxes, atol=0.01)
    assert all((people.keypoints_visible == people.keypoint_scores).all() for people in both)


def test_looks_at_groups_take_the_points_of_a_first_network(random_network):
    image, settings = cv2.imread(PATHS[0]), groups(random_network)
    second = KeypointInferencer(*random_network('closeups'), 'cpu', cfg_options=settings)
    with pytest.raises(InputError, match=r'closeups.py: expected a first network \(--detector\), whose points'):
        list(second(image))
    points = np.random.default_rng(0).uniform(50, 150, (1, 17, 2)).astype(np.float32)
    box = np.float32([[50, 50, 150, 150]]), np.ones(1, np.float32)
    (people,) = second.predictor.predict([image], [(*box, points)])
    assert people.keypoints.shape == (1, 17, 2)
    points[0, 8:] = 60
    (nobody,) = second.predictor.predict([image], [(*box, points)])
    assert nobody.keypoints.shape == (0, 17, 2), 'a group is in one point'
