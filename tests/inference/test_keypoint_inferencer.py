"""What an inferencer predicts is what a test of the same network predicts, whatever the images come in."""

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from hybridkp.engine.launch import load_config
from hybridkp.engine.trained_model import build_trained
from hybridkp.errors import InputError
from hybridkp.inference.keypoint_inferencer import KeypointInferencer

DATA = Path(__file__).parents[1] / 'data'
PHOTOS = DATA / 'coco/val2017'
LABELS = DATA / 'coco/annotations/person_keypoints_val2017.json'
FRAMES = DATA / 'mirror_mouse/labeled-data'
FIELDS = ('keypoints', 'keypoint_scores', 'keypoint_covariances', 'bboxes', 'bbox_scores')


@pytest.fixture(scope='module')
def inferencer(random_network):
    """Build inferencers on the CPU."""

    def build(kind, **settings):
        return KeypointInferencer(*random_network(kind), device='cpu', **settings)

    return build


def by_loader(network, count=None):
    """Predict as a test does: by the config's data loader; gives instances by the path of their image."""
    cfg = load_config(network[0], None, None)
    found = {}
    with DefaultScope.overwrite_default_scope('mmpose'):
        model, loader = build_trained(cfg, network[1:], 'cpu'), Runner.build_dataloader(cfg.test_dataloader)
        for batch in loader:
            for sample in model.test_step(batch):
                found.setdefault(str(Path(sample.img_path).resolve()), []).append(sample.pred_instances)
            if count and len(found) >= count:
                break
    return found


def assert_equal(people, others, within=1e-4):
    """Compare people with a list of instances, in any order; px, and covariances relative to the largest."""
    one = {name: np.concatenate([np.asarray(other[name]) for other in others]) for name in FIELDS}
    assert len(people) == len(one['bboxes'])
    for i in range(len(people)):
        apart = [np.abs(one[name] - people[name][i]).reshape(len(people), -1).max(axis=1) for name in FIELDS[:4:3]]
        j = np.add(*apart).argmin()
        for name, values in one.items():
            atol = within * (np.abs(values[j]).max() if name == 'keypoint_covariances' else 1)
            np.testing.assert_allclose(people[name][i], values[j], atol=atol, rtol=1e-6)


@pytest.mark.parametrize('kind', ['mouse', 'detector'])
def test_equal_to_the_test(kind, random_network, inferencer):
    expected = by_loader(random_network(kind), count=6)
    found = list(inferencer(kind, batch_size=4)(list(expected)))
    assert [people.img_path for people in found] == list(expected)
    for people, others in zip(found, expected.values(), strict=True):
        assert_equal(people, others)
        assert all(people[name].dtype == np.float32 for name in FIELDS)
        count = len(people)
        assert people.keypoints.shape == (count, 17, 2) and people.keypoint_covariances.shape == (count, 17, 2, 2)
        assert people.frame is None and people.ori_shape == cv2.imread(people.img_path).shape[:2]


def test_equal_to_the_test_with_boxes_of_a_file(random_network, inferencer):
    """The file has people without keypoints as well, whom a test leaves out."""
    expected = by_loader(random_network('people'), count=3)
    found = inferencer('people', boxes=LABELS)(list(expected))
    for people, others in zip(found, expected.values(), strict=True):
        boxes = np.concatenate([other.bboxes for other in others])
        distances = np.abs(people.bboxes[:, None] - boxes).max(axis=-1)
        assert_equal(people[distances.min(axis=1) < 1e-3], others, within=1e-3)  # other batches round otherwise


def test_several_checkpoints_are_an_ensemble(random_network):
    config, *checkpoints = [*random_network('mouse'), random_network('mouse', seed=1)[1]]
    frame = str(FRAMES / 'img00.png')
    both, first = (next(KeypointInferencer(config, paths, 'cpu')(frame)) for paths in (checkpoints, checkpoints[0]))
    assert both.keypoints.shape == (1, 17, 2) and not np.allclose(both.keypoints, first.keypoints)


def test_scales_are_those_of_a_test(random_network):
    frame, settings = str(FRAMES / 'img00.png'), {'model.test_cfg.scales': [0.9, 1.1]}
    one, two = (
        next(KeypointInferencer(*random_network('mouse'), 'cpu', cfg_options=options)(frame))
        for options in (None, settings)
    )
    assert two.keypoints.shape == (1, 17, 2) and not np.allclose(one.keypoints, two.keypoints, atol=0.1)


def test_arrays_folders_patterns_and_videos_give_the_same(inferencer, tmp_path):
    infer, paths = inferencer('mouse', batch_size=2), sorted(FRAMES.glob('img0[0-2].png'))
    (tmp_path / 'below').mkdir()
    for path in paths:
        shutil.copy(path, tmp_path / 'below')
    images = [cv2.imread(str(path)) for path in paths]
    video = cv2.VideoWriter(str(tmp_path / 'v.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 5, images[0].shape[1::-1])
    for image in images:
        video.write(image)
    video.release()
    expected = np.concatenate([people.keypoints for people in infer([str(path) for path in paths])])
    for inputs in (images, str(tmp_path), str(tmp_path / 'below/*.png'), [images[0], *map(str, paths[1:])]):
        np.testing.assert_allclose(np.concatenate([people.keypoints for people in infer(inputs)]), expected, atol=1e-3)
    frames = list(infer(str(tmp_path / 'v.avi')))
    assert [people.frame for people in frames] == [0, 1, 2]
    assert all(people.img_path == str(tmp_path / 'v.avi') for people in frames)
    grey = next(infer(images[0][..., 0]))
    assert grey.keypoints.shape == (1, 17, 2)


def test_images_are_read_when_they_are_asked_for(inferencer, tmp_path):
    shutil.copy(FRAMES / 'img00.png', tmp_path / 'a.png')
    (tmp_path / 'b.png').write_text('no image')
    found = inferencer('mouse', batch_size=1)(str(tmp_path))
    assert next(found).img_path.endswith('a.png')
    with pytest.raises(InputError, match='b.png: expected an image'):
        next(found)
    skipped = []
    assert len(list(inferencer('mouse')(str(tmp_path), skipped=skipped))) == 1
    assert len(skipped) == 1 and 'b.png: expected an image' in skipped[0]


def test_boxes_of_the_caller_and_the_whole_image(inferencer):
    infer, photo = inferencer('people'), cv2.imread(str(PHOTOS / '000000000885.jpg'))
    height, width = photo.shape[:2]
    boxes = np.array([[0, 0, width - 1, height - 1], [300, 90, 380, 300]])
    whole, given = next(infer(photo)), next(infer(photo, [boxes]))
    assert len(whole) == 1 and whole.bboxes.tolist() == [[0, 0, width - 1, height - 1]]
    np.testing.assert_allclose(given.keypoints[0], whole.keypoints[0], atol=1e-3)
    assert (given.keypoints[1] > (200, 0)).all() and (given.keypoints[1] < (480, 400)).all()
    nobody = next(infer(photo, [np.zeros((0, 4))]))
    assert nobody.keypoints.shape == (0, 17, 2) and nobody.keypoint_covariances.shape == (0, 17, 2, 2)
    for boxes, message in (
        ([], 'for each of 1 images'),
        ([[[0, 0, 0, 9]]], 'with an area'),
        ([np.full((1, 4), np.nan)], 'finite'),
    ):
        with pytest.raises(InputError, match=message):
            next(infer(photo, boxes))


def test_boxes_of_a_detector(random_network, inferencer):
    path = str(PHOTOS / '000000000885.jpg')
    (people,) = inferencer('people', detector=random_network('detector'), score_threshold=0.0)(path)
    (found,) = inferencer('detector')(path)
    assert len(people) == len(found) == 5
    np.testing.assert_array_equal(people.bboxes, found.bboxes)
    np.testing.assert_array_equal(people.bbox_scores, found.bbox_scores)
    (again,) = inferencer('people')(path, [found.bboxes])
    np.testing.assert_allclose(people.keypoints, again.keypoints, atol=1e-4)
    (nobody,) = inferencer('people', detector=random_network('detector'), score_threshold=1.0)(path)
    assert len(nobody) == 0


def test_people_with_low_scores_are_left_out(inferencer):
    path = str(PHOTOS / '000000000885.jpg')
    (everybody,) = inferencer('detector')(path)
    threshold = float(np.sort(everybody.bbox_scores)[-2])
    (some,) = inferencer('detector', score_threshold=threshold - 1e-6)(path)
    assert len(everybody) == 5 and some.bbox_scores.min() >= threshold - 1e-6


@pytest.mark.parametrize('kind', ['people', 'mouse', 'detector'])
def test_pictures(kind, inferencer):
    infer, photo = inferencer(kind), cv2.imread(str(PHOTOS / '000000000885.jpg'))
    people = next(infer(photo))
    picture = infer.visualize(photo, people, keypoint_threshold=0.0)
    assert picture.shape[1] == 800 and (picture != cv2.resize(photo, picture.shape[1::-1])).any()


def test_what_does_not_go_together(random_network, inferencer, tmp_path):
    with pytest.raises(InputError, match='mouse_0.pth is of another model'):
        KeypointInferencer(random_network('detector')[0], random_network('mouse')[1], 'cpu')
    with pytest.raises(FileNotFoundError, match='nowhere.pth does not exist'):
        KeypointInferencer(random_network('mouse')[0], 'nowhere.pth', 'cpu')
    with pytest.raises(FileNotFoundError, match='config nowhere.py does not exist'):
        KeypointInferencer('nowhere.py', random_network('mouse')[1], 'cpu')
    with pytest.raises(InputError, match='expected no boxes: the network sees whole frames'):
        inferencer('detector', boxes=LABELS)
    with pytest.raises(InputError, match='of a file or of a detector, got both'):
        inferencer('people', boxes=LABELS, detector=random_network('detector'))
    with pytest.raises(InputError, match='KeypointEnsemble averages heatmaps'):
        KeypointInferencer(random_network('detector')[0], [random_network('detector')[1]] * 2, 'cpu')
    with pytest.raises(InputError, match='expected no bboxes'):
        inferencer('detector')(str(PHOTOS), [])


def test_the_package_is_imported_quickly():
    """Without torch or mmpose, which come with the inferencer."""
    program = (
        'import sys, hybridkp\n'
        "assert not {'torch', 'mmpose', 'mmengine'} & set(sys.modules)\n"
        'from hybridkp import KeypointInferencer\n'
        "assert KeypointInferencer.__name__ == 'KeypointInferencer' and 'mmpose.apis' not in sys.modules\n"
        "assert not hasattr(hybridkp, 'Nothing')"
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
