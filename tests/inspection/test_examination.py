"""A whole examination."""

import json
from pathlib import Path

import pytest
from mmengine.config import Config

from hybridkp.inspection.examination import Examination

ROOT = Path(__file__).parents[2]


@pytest.fixture
def mouse(monkeypatch, mmpose_scope):
    monkeypatch.chdir(ROOT)
    return Config.fromfile('configs/animal/hybridnet_s_mirror_mouse_256x256.py')


def examine(cfg, **settings):
    return list(Examination(cfg, **dict(images=5, samples=0) | settings).findings())


def test_a_good_config(mouse):
    findings = examine(mouse)
    assert {finding.level for finding in findings} == {'ok'}
    lines = list(map(str, findings))
    assert 'ok    train: 72 images, 72 instances, 1112 labelled keypoints' in lines
    assert 'ok    5 of 9 images of test are none of those trained on, by path and by content' in lines
    assert 'ok    images are not mirrored; 4 flip pairs' in lines


def test_all_images(mouse):
    assert 'val: all images were decoded' in '\n'.join(f.what for f in examine(mouse, images=None))


def test_one_set_for_everything(monkeypatch, mmpose_scope):
    monkeypatch.chdir(ROOT)
    findings = examine(Config.fromfile('configs/body/hybridnet_s_coco_sample_256x192.py'))
    assert [f.what for f in findings if f.level == 'FAIL'] == [
        '26 of 26 images of val and test are trained on: '
        '000000000885.jpg, 000000021167.jpg, 000000033368.jpg and 23 more'
    ]


@pytest.mark.parametrize(
    'text, says',
    [
        (None, 'there is no such file'),
        ('{"images": [', 'broken or truncated'),
        ('[]', 'the file holds a list'),
        (json.dumps(dict(images=[], annotations=[])), 'no annotation has a bbox and a labelled keypoint'),
    ],
)
def test_annotations_that_cannot_be_read(text, says, mouse, tmp_path):
    path = tmp_path / 'train.json'
    if text is not None:
        path.write_text(text)
    mouse.train_dataloader.dataset.ann_file = str(path)
    failures = [finding for finding in examine(mouse) if finding.level == 'FAIL']
    assert failures[0].what.startswith('train: ') and says in failures[0].what
    assert any(f.what.startswith('test: all images') or f.what.startswith('test: 5 of 9') for f in examine(mouse))


def test_what_only_the_reader_finds(mouse, tmp_path):
    content = json.loads(Path('tests/data/mirror_mouse/train.json').read_text())
    content['annotations'][3]['readers'] = dict(anna=[1, 2, 2])
    (tmp_path / 'train.json').write_text(json.dumps(content))
    mouse.train_dataloader.dataset.ann_file = str(tmp_path / 'train.json')
    (failure,) = [finding for finding in examine(mouse) if finding.level == 'FAIL']
    assert 'reader anna: expected 17 keypoints' in failure.what


def test_skeletons_that_are_wrong(mouse):
    mouse.model.head.num_keypoints = 16
    assert [f.what for f in examine(mouse) if f.level == 'FAIL'] == [
        'the skeleton has 17 keypoints, the head predicts 16'
    ]
    mouse.train_dataloader.dataset.skeleton.sigmas = [0.05] * 3
    (failure,) = [finding for finding in examine(mouse) if finding.level == 'FAIL']
    assert failure.what == 'train: skeleton mirror_mouse17: expected 17 sigmas, one per keypoint, got 3'


def test_detections(monkeypatch, mmpose_scope, tmp_path):
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile('configs/body/hybridnet_s_coco_sample_256x192.py')
    cfg.test_dataloader.dataset.bbox_file = str(tmp_path / 'found.json')
    assert any('found.json: there is no such file' in f.what for f in examine(cfg) if f.level == 'FAIL')
    boxes = [dict(image_id=885, category_id=1, bbox=[1, 2, 30, 40], score=0.5)]
    (tmp_path / 'found.json').write_text(json.dumps(boxes))
    assert any(f.what.endswith(f'1 detected boxes in {tmp_path}/found.json') for f in examine(cfg))


def test_labels_of_another_form(mouse):
    """What is no COCO file is left to the pipeline."""
    mouse.train_dataloader.dataset = dict(type='BaseDataset', ann_file='list.txt')
    findings = examine(mouse)
    assert [f.what for f in findings if f.level == 'warn'] == [
        'train: BaseDataset reads no COCO file: its labels are not examined'
    ]
    assert 'FAIL' not in {f.level for f in findings}
