"""A single-stage network as a user runs it: labels converted, trained, resumed, tested, and a foreign checkpoint."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.registry import DATASETS, METRICS, MODELS

from hybridkp.converters.yolov7_table import YOLOV7_POSE

ROOT = Path(__file__).parents[2]
COCO = ROOT / 'tests/data/coco'
LABELLED = COCO / 'annotations/person_keypoints_val2017.json'
NAMES = json.loads((ROOT / 'tests/data/yolov7_w6_pose/state_dict.json').read_text())
TINY = """
_base_ = {base!r}
widths = (8, 8, 8, 8)
stages = [(4, 4), (8, 4), (8, 4), (8, 4), (8, 4)]
model = dict(
    backbone=dict(stem=4, stages=stages, depth={depth}),
    neck=dict(in_channels=widths, channels=[4] * 4, out_channels=widths, depth={depth}),
    head=dict(in_channels=widths),
    test_cfg=dict(max_people=5, score_threshold=0.0, iou_threshold=1.0),
)
"""
LAYOUT = """
size = (64, 64)
mosaic, window = dict(**_base_.mosaic), dict(**_base_.window)
mosaic.update(img_scale=size)
window.update(input_size=size)
fit = dict(type='Letterbox', input_size=size, smooth=True)
loader = dict(batch_size=4, num_workers=0, persistent_workers=False)
mosaics = [_base_.read, mosaic, window, *_base_.finish]
train_dataloader = dict(**loader, dataset=dict(data_root={root!r}, ann_file='val2017.txt', pipeline=mosaics))
val_dataloader = dict(**loader, dataset=dict(data_root={root!r}, pipeline=[_base_.read, fit, _base_.pack]))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=2, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=-1), logger=dict(interval=1))
"""


@pytest.fixture(scope='module')
def layout(tmp_path_factory, call):
    """Seven bundled images, one of them without people, in YOLO's layout."""
    folder = tmp_path_factory.mktemp('coco_kpts')
    content = json.loads(LABELLED.read_text())
    content['images'] = content['images'][:7]
    empty = content['images'][3]['id']
    kept = {image['id'] for image in content['images']} - {empty}
    content['annotations'] = [entry for entry in content['annotations'] if entry['image_id'] in kept]
    (folder / 'person_keypoints_val2017.json').write_text(json.dumps(content))
    call(
        'convert_labels',
        'coco-to-yolo',
        folder / 'person_keypoints_val2017.json',
        folder,
        '--image-root',
        COCO / 'val2017',
    )
    assert not (folder / f'labels/val2017/{empty:012d}.txt').read_text()
    return folder


@pytest.fixture(scope='module')
def trained(tmp_path_factory, layout, call):
    """A config and its work dir after two epochs of two steps under the original's schedule."""
    folder = tmp_path_factory.mktemp('trained')
    text = TINY.format(base=str(ROOT / 'configs/detector/yolov7_w6_pose_yolo_images_960x960.py'), depth=2)
    config = folder / 'tiny.py'
    config.write_text(text + LAYOUT.format(root=f'{layout}/'))
    call('train', config, '--work-dir', folder / 'work')
    return config, folder / 'work'


def state_of(path):
    return torch.load(path, map_location='cpu', weights_only=False)


def test_labels_there_and_back(layout, call, tmp_path, capsys):
    call('convert_labels', 'yolo-to-coco', layout / 'val2017.txt', tmp_path)
    assert capsys.readouterr().out.startswith(f'{tmp_path}/val2017.json: 7 images, ')
    found = json.loads((tmp_path / 'val2017.json').read_text())
    source = json.loads((layout / 'person_keypoints_val2017.json').read_text())
    assert [image['id'] for image in found['images']] == [image['id'] for image in source['images']]
    labelled = [entry for entry in source['annotations'] if entry['num_keypoints'] and not entry['iscrowd']]
    assert len(found['annotations']) == len(labelled) > 5
    first = next(entry for entry in labelled if entry['image_id'] == found['annotations'][0]['image_id'])
    np.testing.assert_allclose(found['annotations'][0]['keypoints'], first['keypoints'], atol=2e-3)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (('yolo-to-coco', 'nowhere.txt'), 'nowhere.txt: there is no such file'),
        (('coco-to-yolo', 'nowhere.json'), 'nowhere.json: there is no such file'),
        (
            ('coco-to-yolo', LABELLED, '--skeleton', ROOT / 'configs/_base_/default_runtime.py'),
            'expected a config with a',
        ),
        (('coco-to-yolo', LABELLED, '--skeleton', 'nowhere.py'), 'nowhere.py: there is no such file'),
    ],
)
def test_wrong_labels(arguments, message, call, tmp_path):
    name, labels, *options = arguments
    with pytest.raises(SystemExit, match=f'error: .*{message}'):
        call('convert_labels', name, labels, tmp_path / 'out', *options)
    assert not (tmp_path / 'out').exists()


def test_training_averages_and_keeps_the_best(trained):
    _, work = trained
    content = state_of(work / 'epoch_2.pth')
    assert content['meta']['iter'] == 4 and 'ema_state_dict' in content
    average, weights = content['state_dict'], content['ema_state_dict']
    assert int(weights['steps']) == 4
    name = 'head.levels.0.detection.bias'
    assert not torch.equal(average[name], weights[f'module.{name}'])
    assert list(work.glob('best_coco_AP_epoch_*.pth'))
    groups = content['optimizer']['param_groups']
    rates = {group['lr'] for group in groups}
    assert len(rates) == 2 and max(rates) > 0.09  # those of biases come down from 0.1, the others up from 0


def test_resumed_training_goes_on(trained, call, tmp_path):
    config, work = trained
    call('train', config, '--work-dir', tmp_path, '--resume', work / 'epoch_1.pth')
    ours, theirs = (state_of(folder / 'epoch_2.pth') for folder in (tmp_path, work))
    assert ours['meta']['iter'] == theirs['meta']['iter']
    rates = [[group['lr'] for group in content['optimizer']['param_groups']] for content in (ours, theirs)]
    assert rates[0] == rates[1] and int(ours['ema_state_dict']['steps']) == 4


@pytest.mark.parametrize('flip_test', [False, True])
def test_whole_images_are_measured(flip_test, trained, call, tmp_path, capsys):
    config, work = trained
    option = f'model.test_cfg.flip_test={flip_test}'
    paths = ('--work-dir', tmp_path, '--out', tmp_path / 'out.json', '--show-dir', tmp_path / 'show', '--show-count', 1)
    call('test', config, work / 'epoch_2.pth', *paths, '--cfg-options', option)
    out = capsys.readouterr().out
    assert 'boxes        none: the network finds its own' in out and 'coco/AP ' in out
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert 0 <= metrics['coco/AR'] <= 1
    results = json.loads((tmp_path / 'out.json').read_text())
    assert len(results) == 7 * 5 and len({entry['image_id'] for entry in results}) == 7
    assert all(len(entry['keypoints']) == 51 and len(entry['keypoint_covariances']) == 17 for entry in results)
    assert len(list((tmp_path / 'show').glob('001_*.png'))) == 1


def test_detectors_are_no_ensemble(trained, call, tmp_path):
    config, work = trained
    with pytest.raises(SystemExit, match='error: config .*KeypointEnsemble averages heatmaps'):
        call('test', config, work / 'epoch_1.pth', work / 'epoch_2.pth', '--work-dir', tmp_path)


def foreign(config, seed=0):
    """The state of a network of the published depth under the published names, all of it drawn."""
    with torch.device('cpu'):
        model = MODELS.build(Config.fromfile(config).model)
    generator, ours = torch.Generator().manual_seed(seed), model.state_dict()
    theirs = {YOLOV7_POSE.new_name(name): name for name, _ in NAMES if not YOLOV7_POSE.drops(name)}
    state = {
        theirs[name]: torch.rand(value.shape, generator=generator) if value.is_floating_point() else value
        for name, value in ours.items()
    }
    state['model.118.anchor_grid'] = ours['head.anchors'].view(4, 1, 3, 1, 1, 2)
    return state | {'model.118.anchors': torch.zeros(4, 3, 2)}


@pytest.fixture
def published(tmp_path, mmpose_scope):
    config = tmp_path / 'tiny.py'
    config.write_text(
        TINY.format(base=str(ROOT / 'configs/detector/yolov7_w6_pose_coco_images_640x640_original.py'), depth=4)
    )
    return config


def test_foreign_checkpoint(published, call, tmp_path, capsys):
    state = foreign(published)
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    call('convert_checkpoint', 'yolov7-pose', tmp_path / 'a.pth', tmp_path / 'b.pth', '--config', published)
    assert 'every parameter found its place' in capsys.readouterr().out
    found = state_of(tmp_path / 'b.pth')['state_dict']
    assert len(found) == 907 and found['head.anchors'].shape == (4, 3, 2)
    for name, value in state.items():
        if 'anchor' not in name:
            assert torch.equal(found[YOLOV7_POSE.new_name(name)], value)


def test_foreign_checkpoint_that_does_not_fit(published, call, tmp_path):
    state, path = foreign(published), tmp_path / 'a.pth'
    arguments = ('convert_checkpoint', 'yolov7-pose', path, tmp_path / 'b.pth')
    torch.save(state | {'model.119.conv.weight': torch.zeros(1)}, path)
    with pytest.raises(SystemExit, match='names that it does not have: model.119.conv.weight'):
        call(*arguments, '--config', published)
    torch.save({name: value for name, value in state.items() if name != 'model.47.cv2.conv.weight'}, path)
    with pytest.raises(SystemExit, match='neck.pooling.shortcut.conv.weight is missing'):
        call(*arguments, '--config', published)
    torch.save(state, path)
    with pytest.raises(
        SystemExit, match='does not fit yolov7_w6_pose_coco_images_960x960_original.py: .* has the shape'
    ):
        call(*arguments)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(SystemExit, match='a.pth is damaged or no checkpoint'):
        call(*arguments)
    assert not (tmp_path / 'b.pth').exists()


def test_whole_images_are_measured_as_by_mmpose(mmpose_scope):
    """All people of an image, misplaced by more or less, invented ones, and nobody in some images."""
    cfg = Config.fromfile(ROOT / 'configs/detector/yolov7_n_pose_coco_sample_images_320x320.py')
    data = cfg.test_dataloader.dataset
    dataset = DATASETS.build({**data, 'data_root': f'{COCO}/'})
    random, samples = np.random.RandomState(0), []
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        points = np.concatenate((info['keypoints'], 400 * random.rand(2, 17, 2))).astype(np.float32)
        points += random.rand(len(points), 1, 1) * 8 * random.randn(*points.shape)
        points = points[: 0 if i % 7 == 3 else None]
        scores = np.float32(random.rand(len(points), 17))
        boxes = np.concatenate((points.min(axis=1), points.max(axis=1)), axis=1)
        found = dict(
            keypoints=points, keypoint_scores=scores, bboxes=boxes, bbox_scores=np.float32(random.rand(len(points)))
        )
        samples.append(dict(id=info['id'], img_id=info['img_id'], pred_instances=found, gt_instances={}))
    measured = []
    ours = {**cfg.test_evaluator, 'ann_file': str(LABELLED)}
    for settings in (ours, dict(type='CocoMetric', ann_file=str(LABELLED), score_mode='bbox', nms_mode='none')):
        metric = METRICS.build(settings)
        metric.dataset_meta = dataset.metainfo
        metric.process({}, samples)
        measured.append(metric.evaluate(len(samples)))
    assert measured[0] == pytest.approx(measured[1], abs=1e-12) and 0.1 < measured[0]['coco/AP'] < 0.9
