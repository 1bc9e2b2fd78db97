"""The whole of a network as an ONNX graph in the benchmark: it finds the known peaks, as the others do."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONFIG = """
_base_ = {base!r}
crop = dict(type='TopdownAffine', input_size=(64, 64))
steps = [dict(type='ReadImage'), dict(type='GetBBoxCenterScale'), crop, dict(type='PackPoseInputs')]
test_dataloader = dict(dataset=dict(data_root={data!r}, pipeline=steps))
"""


@pytest.mark.parametrize('flip', [(), ('--flip-test',)], ids=['plain', 'flip'])
def test_onnx_file(flip, measure, tmp_path):
    pytest.importorskip('onnxruntime')
    base = str(ROOT / 'configs/body/hybridnet_s_coco_sample_256x192.py')
    (tmp_path / 'small.py').write_text(CONFIG.format(base=base, data=str(ROOT / 'tests/data/coco')))
    arguments = ('--batch-sizes', '2', '--variants', 'eager', 'onnx-file')
    (contest,) = measure('model', str(tmp_path / 'small.py'), *arguments, *flip)
    assert set(contest['runs']) == {'hybridkp, eager', 'hybridkp, onnx-file', "mmpose's hrnet_w32"}
    for name in ('eager', 'onnx-file'):
        assert contest['runs'][f'hybridkp, {name}']['mean error, px'] < 1e-3
