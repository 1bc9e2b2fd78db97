"""tools/onnx_example.py: what the toolbox finds, with neither the toolbox nor torch."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from mmpose.registry import DATASETS, MODELS

from hybridkp.engine.launch import load_config

pytest.importorskip('onnxruntime')
ROOT = Path(__file__).parents[2]
PEOPLE = ROOT / 'configs/detector/yolov7_n_pose_coco_sample_images_320x320.py'
COCO = ROOT / 'tests/data/coco/val2017'
ALONE = """
import runpy, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('torch', 'torchvision', 'hybridkp', 'mmpose', 'mmengine', 'mmcv', 'onnx'):
            raise ModuleNotFoundError(name + ' is blocked', name=name)
sys.meta_path.insert(0, Blocker())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""
TRACE = ('--exporter', 'trace')


def run_alone(folder, *arguments):
    """Run the example where torch and the toolbox cannot be imported; gives what it finds and what it says."""
    outputs = ('--out', folder / 'picture.png', '--json', folder / 'found.json')
    command = [sys.executable, '-c', ALONE, ROOT / 'tools/onnx_example.py', *arguments, *outputs]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / 'found.json').read_text())
    return {name: np.array(values) for name, values in found.items()}, done.stdout


def first_sample(cfg, model):
    """Predict the first sample of a config's test as the toolbox does."""
    with DefaultScope.overwrite_default_scope('mmpose'), torch.no_grad():
        sample = DATASETS.build(cfg.test_dataloader.dataset)[0]
        return model.test_step(dict(inputs=[sample['inputs']], data_samples=[sample['data_samples']]))[0]


def build(cfg, checkpoint):
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(cfg.model)
    load_checkpoint(model, str(checkpoint), map_location='cpu')
    return model.eval()


def save(config, path, contrast=1.0):
    """Write a checkpoint of a config's network with random weights, those of the last layer times a factor."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(Config.fromfile(config).model)
    if contrast != 1:
        model.head.final_layer.weight.data.mul_(contrast)
    torch.save(dict(state_dict=model.state_dict()), path)


def test_a_box(trained, call, tmp_path):
    call('export_onnx', trained.config, trained.checkpoint, tmp_path / 'a.onnx', *TRACE)
    cfg = load_config(str(trained.config), None, None)
    sample = first_sample(cfg, build(cfg, trained.checkpoint))
    about, expected = sample.metainfo, sample.pred_instances
    box = np.concatenate((about['input_center'] - about['input_scale'] / 2, about['input_scale']))
    found, said = run_alone(tmp_path, tmp_path / 'a.onnx', about['img_path'], '--box', *box, '--min-score', 0)
    assert f'{about["img_path"]}: 17 points' in said
    np.testing.assert_allclose(found['keypoints'], expected.keypoints[0], atol=0.05)
    np.testing.assert_allclose(found['scores'], expected.keypoint_scores[0], atol=1e-3)
    scale = np.abs(expected.keypoint_covariances[0]).max(axis=(1, 2), keepdims=True)
    assert (np.abs(found['covariances'] - expected.keypoint_covariances[0]) < 0.01 * scale).all()
    picture, image = (cv2.imread(str(path)) for path in (tmp_path / 'picture.png', about['img_path']))
    assert picture.shape == image.shape
    x, y = np.rint(found['keypoints'][0]).astype(int)
    assert (picture != image).any(axis=-1)[max(0, y - 3) : y + 4, max(0, x - 3) : x + 4].any()


@pytest.mark.parametrize('nms', [(), ('--nms',)], ids=['rows', 'nms'])
def test_people(nms, call, tmp_path):
    save(PEOPLE, tmp_path / 'a.pth')
    few = ('--cfg-options', 'model.test_cfg.max_people=20', 'model.test_cfg.score_threshold=0.02')
    call('export_onnx', PEOPLE, tmp_path / 'a.pth', tmp_path / 'a.onnx', *TRACE, *nms, *few)
    cfg = load_config(str(PEOPLE), None, None)
    cfg.model.test_cfg.update(max_people=20, score_threshold=0.02)
    sample = first_sample(cfg, build(cfg, tmp_path / 'a.pth'))
    found, said = run_alone(tmp_path, tmp_path / 'a.onnx', sample.metainfo['img_path'], '--min-score', 0.01)
    expected = sample.pred_instances
    assert f'{len(expected.bboxes)} people' in said
    ours, theirs = (
        np.concatenate((boxes, points.reshape(-1, 34)), axis=1)
        for boxes, points in ((found['boxes'], found['keypoints']), (expected.bboxes, expected.keypoints))
    )
    apart = np.abs(ours[:, None] - theirs[None]).max(axis=-1)
    nearest, same = apart.argmin(axis=0), apart.min(axis=0) < 0.1
    assert same.mean() > 0.9  # with random weights rounding chooses between equal boxes
    np.testing.assert_allclose(found['covariances'][nearest][same], expected.keypoint_covariances[same], rtol=0.01)
    assert (cv2.imread(str(tmp_path / 'picture.png')) != cv2.imread(sample.metainfo['img_path'])).any()


def test_a_grey_image_by_its_region(call, tmp_path):
    config = ROOT / 'configs/landmark/unet_isbi2015_128x128.py'
    save(config, tmp_path / 'a.pth')
    call('export_onnx', config, tmp_path / 'a.pth', tmp_path / 'a.onnx', *TRACE, '--images', COCO)
    image = next(COCO.glob('*.jpg'))
    cfg = load_config(str(config), None, None)
    with DefaultScope.overwrite_default_scope('mmpose'), torch.no_grad():
        from mmcv.transforms import Compose

        sample = Compose(cfg.test_dataloader.dataset.pipeline)(dict(img_path=str(image), bbox=np.zeros((1, 4))))
        sample['data_samples'].gt_instances.bboxes = np.zeros((1, 4))
        sample['data_samples'].gt_instances.bbox_scores = np.zeros(1)
        model = build(cfg, tmp_path / 'a.pth')
        model.test_cfg = dict(flip_test=False)
        batch = dict(inputs=[sample['inputs']], data_samples=[sample['data_samples']])
        expected = model.test_step(batch)[0].pred_instances
    found, _ = run_alone(tmp_path, tmp_path / 'a.onnx', image, '--min-score', 0)
    assert np.median(np.abs(found['keypoints'] - expected.keypoints[0])) < 0.1
    np.testing.assert_allclose(found['scores'], expected.keypoint_scores[0], atol=1e-3)


def test_interest_points(call, tmp_path):
    config = ROOT / 'configs/points/hybridnet_s_pictures_224.py'
    save(config, tmp_path / 'a.pth', contrast=0.2)  # saturated scores would be equal
    options = ('--images', COCO, '--input-size', 160, 96)
    call('export_onnx', config, tmp_path / 'a.pth', tmp_path / 'a.onnx', *TRACE, *options)
    image = next(COCO.glob('*.jpg'))
    found, said = run_alone(tmp_path, tmp_path / 'a.onnx', image, '--min-score', 0)
    height, width = cv2.imread(str(image)).shape[:2]
    points = found['keypoints'][found['scores'] > 0]
    assert '500 points' in said and len(points) > 5
    assert (points > -5).all() and (points < (width + 5, height + 5)).all() and np.ptp(points[:, 0]) > width / 4


def test_says_what_is_wrong(trained, call, tmp_path):
    call('export_onnx', trained.config, trained.checkpoint, tmp_path / 'a.onnx', *TRACE)
    (tmp_path / 'no.png').write_text('no image')
    command = [sys.executable, ROOT / 'tools/onnx_example.py', tmp_path / 'a.onnx', tmp_path / 'no.png']
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 1 and 'no.png: expected an image' in done.stderr
