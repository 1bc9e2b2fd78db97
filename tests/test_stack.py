"""The mends that let `mmpose.models` import, and that they leave nothing behind."""

import json
import os
import subprocess
import sys
import warnings

import numpy
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader, Runner

from hybridkp import stack

PROGRAM = """
import importlib.util, json, sys, warnings
from hybridkp import stack
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    stack.mend()
    models = sys.modules['mmpose.models']
    operators = set(dir(sys.modules['torch'].ops.torchvision))
    stack.mend()
print(json.dumps(dict(
    left=[name for name, module in sys.modules.items() if module.__doc__ == 'A stand-in of hybridkp.'],
    compiled=importlib.util.find_spec('mmcv._ext') is not None,
    same=models is sys.modules['mmpose.models'],
    operators=operators == set(dir(sys.modules['torch'].ops.torchvision)),
    missing=[str(warning.message) for warning in caught if 'Fail to import' in str(warning.message)],
)))
"""


@pytest.fixture(scope='module')
def fresh():
    """What a new process says after two calls of `mend`."""
    done = subprocess.run([sys.executable, '-c', PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_models_of_mmpose_import_and_a_second_call_changes_nothing(fresh):
    assert fresh['same'] and fresh['operators'] and not fresh['missing']


def test_stand_ins_are_gone(fresh):
    assert not fresh['left']


def test_missing_operator_says_so_when_it_is_built(fresh):
    if fresh['compiled']:
        pytest.skip('this mmcv has its operators')
    stack.mend()
    from mmpose.models.heads.transformer_heads.transformers import deformable_detr_layers

    with pytest.raises(ImportError, match='MultiScaleDeformableAttention needs the compiled operators of mmcv'):
        deformable_detr_layers.MultiScaleDeformableAttention(embed_dims=8, num_heads=2)


def test_real_package_is_used_where_it_imports(tmp_path):
    (tmp_path / 'mmdet').mkdir()
    (tmp_path / 'mmdet/__init__.py').touch()
    (tmp_path / 'mmdet/utils.py').write_text('ConfigType = dict\nreduce_mean = abs\n')
    program = """if True:
        import sys
        from hybridkp import stack
        stack.mend()
        from mmpose.models.heads.hybrid_heads import rtmo_head
        assert rtmo_head.reduce_mean is abs and 'mmdet.utils' in sys.modules
    """
    environment = {**os.environ, 'PYTHONPATH': str(tmp_path)}
    done = subprocess.run([sys.executable, '-c', program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_models_and_metrics_of_mmpose_build():
    stack.mend()
    import mmpose.evaluation  # noqa: F401
    from mmpose.registry import METRICS, MODELS

    stages = {
        f'stage{i}': dict(
            num_modules=1, num_branches=i, block='BASIC', num_blocks=(1,) * i, num_channels=(4, 8, 16, 32)[:i]
        )
        for i in (2, 3, 4)
    }
    stages['stage1'] = dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1,), num_channels=(4,))
    backbone = MODELS.build(dict(type='HRNet', extra=stages))
    codec = dict(type='MSRAHeatmap', input_size=(32, 32), heatmap_size=(8, 8), sigma=1)
    head = MODELS.build(
        dict(
            type='HeatmapHead',
            in_channels=4,
            out_channels=3,
            deconv_out_channels=None,
            loss=dict(type='KeypointMSELoss', use_target_weight=True),
            decoder=codec,
        )
    )
    assert head(backbone(torch.rand(2, 3, 32, 32))).shape == (2, 3, 8, 8)
    METRICS.build(dict(type='CocoMetric'))


class _Images(list):
    metainfo = dict(colors=numpy.zeros(3, numpy.uint8), weights=numpy.ones(3, numpy.float32))


def test_checkpoint_of_mmengine_loads_without_a_warning(tmp_path, capsys):
    stack.mend()
    model = torch.nn.Linear(2, 1)
    model.train_step = lambda data, optim_wrapper: {}
    runner = Runner(
        model,
        str(tmp_path),
        train_dataloader=dict(dataset=_Images([0]), sampler=dict(type='DefaultSampler'), batch_size=1),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        log_level='ERROR',
        experiment_name='checkpoint',
    )
    runner.train()
    capsys.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        checkpoint = CheckpointLoader.load_checkpoint(str(tmp_path / 'epoch_1.pth'), map_location='cpu')
    assert set(checkpoint) >= {'state_dict', 'message_hub', 'optimizer'}
    assert set(checkpoint['meta']['dataset_meta']) == {'colors', 'weights'}
    assert 'Could not safely load' not in ''.join(capsys.readouterr())


def test_a_config_is_formatted_once(monkeypatch):
    calls = []
    remembered = stack._remember(lambda text, style_config: (calls.append(text), (text.upper(), True))[1])
    assert [remembered(text, style_config={}) for text in 'aba'] == [('A', True), ('B', True), ('A', True)]
    assert calls == ['a', 'b']
    stack.mend()
    assert Config(dict(b=1, a=[1, 2])).pretty_text == 'a = [\n    1,\n    2,\n]\nb = 1\n'
