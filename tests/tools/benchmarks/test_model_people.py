"""The benchmark of single-stage networks in tiny."""

from pathlib import Path

ROOT = Path(__file__).parents[3]
CONFIG = """
_base_ = {base!r}
steps = [dict(type='ReadImage'), dict(type='Letterbox', input_size=(64, 64)), dict(type='PackPoseInputs')]
test_dataloader = dict(dataset=dict(data_root={data!r}, pipeline=steps))
"""


def test_people(measure, tmp_path):
    base = str(ROOT / 'configs/detector/yolov7_n_pose_coco_sample_images_320x320.py')
    (tmp_path / 'small.py').write_text(CONFIG.format(base=base, data=str(ROOT / 'tests/data/coco')))
    (contest,) = measure(
        'model', str(tmp_path / 'small.py'), '--batch-sizes', '2', '--variants', 'eager', 'onnxruntime'
    )
    assert contest['title'] == 'prediction, small, batch 2, 64x64, no flip test' and contest['unit'] == 'images/s'
    assert list(contest['runs']) == ['hybridkp, eager', 'torch, the layers of the same network']
    assert len(contest['ratios']) == 1 and contest['facts'] == {'million parameters': 4.283924}
    assert all(run['latency, ms'] > 0 for run in contest['runs'].values())
    assert 'from uint8 letterboxed images to people' in contest['notes'][0]
