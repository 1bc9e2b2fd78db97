"""Testing a checkpoint: the table, metrics.json and the result file."""

import json
from pathlib import Path

import numpy as np
import pytest

MEASURES = ['coco/AP', 'coco/AP .5', 'coco/AP .75', 'coco/AP (M)', 'coco/AP (L)']
MEASURES += ['coco/AR', 'coco/AR .5', 'coco/AR .75', 'coco/AR (M)', 'coco/AR (L)', 'EPE']


@pytest.fixture(scope='module')
def tested(trained, call):
    call(
        'test', trained.config, trained.checkpoint, '--work-dir', trained.work_dir, '--out', trained.work_dir / 'r.json'
    )
    return trained


def test_metrics_are_printed_as_a_table_and_written(trained, call, tmp_path, capsys):
    call('test', trained.config, trained.checkpoint, '--work-dir', tmp_path)
    table = capsys.readouterr().out.split('\nboxes ')[1].splitlines()
    written = json.loads((tmp_path / 'metrics.json').read_text())
    assert table[0].strip() == written.pop('boxes') == 'ground truth'
    assert list(written) == MEASURES
    for line, (name, value) in zip(table[1:], written.items(), strict=True):
        assert line == f'{name:<11}  {"-" if value is None else f"{value:.4f}"}'


def test_test_agrees_with_the_evaluation_in_training(tested):
    (file,) = tested.work_dir.glob('*/vis_data/scalars.json')
    last = [json.loads(line) for line in file.read_text().splitlines()][-1]
    written = json.loads((tested.work_dir / 'metrics.json').read_text())
    defined = [name for name in MEASURES if written[name] is not None]
    assert {'coco/AP', 'EPE'} <= set(defined)
    assert {name: written[name] for name in defined} == pytest.approx({name: last[name] for name in defined})


def test_every_frame_is_in_the_result_file(tested):
    results = json.loads((tested.work_dir / 'r.json').read_text())
    assert len({entry['image_id'] for entry in results}) == len(results) == 9
    assert all(len(entry['keypoints']) == 3 * 17 and len(entry['keypoint_covariances']) == 17 for entry in results)
    covariances = np.array([entry['keypoint_covariances'] for entry in results])
    assert (covariances[..., 0] * covariances[..., 2] > covariances[..., 1] ** 2).all()


def test_undefined_measure_is_null(load_tool, tmp_path):
    load_tool('test').report({'coco/AP': 0.5, 'coco/AP (M)': -1.0, 'NME': float('nan')}, 'ground truth', str(tmp_path))
    written = json.loads((tmp_path / 'metrics.json').read_text())
    assert written == {'boxes': 'ground truth', 'coco/AP': 0.5, 'coco/AP (M)': None, 'NME': None}


@pytest.fixture(scope='module')
def coco_config(tmp_path_factory, trained):
    """The tiny model on the bundled COCO images: a config, and a detection file of two boxes, one too unsure."""
    root = Path(__file__).parents[2]
    folder = tmp_path_factory.mktemp('coco')
    annotations = root / 'tests/data/coco/annotations/person_keypoints_val2017.json'
    person = next(entry for entry in json.loads(annotations.read_text())['annotations'] if entry['num_keypoints'] > 5)
    box = dict(image_id=person['image_id'], category_id=1, bbox=person['bbox'])
    (folder / 'boxes.json').write_text(json.dumps([box | dict(score=0.9), box | dict(score=0.01)]))
    (folder / 'config.py').write_text(f"""
_base_ = {str(root / 'configs/body/hybridnet_s_coco_sample_256x192.py')!r}
crop = dict(type='TopdownAffine', input_size=(64, 64))
test_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(
        data_root={str(annotations.parents[1])!r}, bbox_file={str(folder / 'boxes.json')!r}, bbox_score_thr=0.5,
        pipeline=[dict(type='ReadImage'), dict(type='GetBBoxCenterScale'), crop, dict(type='KeypointLabels'),
                  dict(type='PackPoseInputs')]))
test_evaluator = dict(ann_file={str(annotations)!r})
""")
    return folder


def test_boxes_of_a_detector_are_named(coco_config, trained, call, tmp_path, capsys):
    call('test', coco_config / 'config.py', trained.checkpoint, '--work-dir', tmp_path, '--out', tmp_path / 'r.json')
    boxes = json.loads((tmp_path / 'metrics.json').read_text())['boxes']
    assert boxes == str(coco_config / 'boxes.json')
    assert f'boxes        {boxes}' in capsys.readouterr().out
    (entry,) = json.loads((tmp_path / 'r.json').read_text())
    (box, _) = json.loads((coco_config / 'boxes.json').read_text())
    assert entry['bbox'] == pytest.approx(box['bbox'], abs=1e-4)
    scores = np.array(entry['keypoints'][2::3])
    expected = 0.9 * scores[scores > 0.2].mean() if (scores > 0.2).any() else 0
    assert entry['score'] == pytest.approx(expected, abs=1e-4)
