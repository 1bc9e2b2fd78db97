"""What configs say about training."""

import copy
import json
from pathlib import Path

import pytest
from mmengine.config import Config

from hybridkp.inspection.data_part import data_parts
from hybridkp.inspection.settings_checks import (
    check_evaluators,
    check_learning_rate,
    check_schedule,
    mirrors,
    num_outputs,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def mouse(monkeypatch, mmpose_scope):
    monkeypatch.chdir(ROOT)
    return Config.fromfile('configs/animal/hybridnet_s_mirror_mouse_256x256.py')


@pytest.mark.parametrize(
    'batch, gpus, level, says',
    [
        (8, 1, 'ok', 'batch 8; learning rate 0.002, meant for a batch of 8'),
        (16, 1, 'ok', 'batch 16'),
        (32, 1, 'warn', 'batch 32, while the learning rate 0.002 is for a batch of 8'),
        (8, 4, 'warn', 'batch 32 (8 on each of 4 GPUs)'),
        (2, 1, 'warn', 'batch 2'),
    ],
)
def test_learning_rate_and_batch(batch, gpus, level, says, mouse):
    mouse.train_dataloader.batch_size = batch
    finding = check_learning_rate(mouse, gpus)
    assert finding.level == level and says in finding.what
    if level == 'warn':
        assert f'which takes {0.002 * batch * gpus / 8:.3g};' in finding.mend


def test_learning_rate_that_follows(mouse):
    mouse.train_dataloader.batch_size = 64
    mouse.auto_scale_lr.enable = True
    finding = check_learning_rate(mouse, 1)
    assert finding.level == 'ok' and finding.what.endswith('for a batch of 8 is scaled to 0.016')
    mouse.auto_scale_lr = None
    assert check_learning_rate(mouse, 1).level == 'ok'


def worse(findings):
    return [(finding.level, finding.what) for finding in findings if finding.level != 'ok']


def test_schedule(mouse):
    assert worse(check_schedule(mouse)) == []
    mouse.train_cfg.max_epochs = 60
    assert worse(check_schedule(mouse)) == [
        ('warn', 'the learning rate is scheduled for 120 epochs, and 60 are trained')
    ]


@pytest.mark.parametrize(
    'break_it, level, says',
    [
        (lambda c: c.train_cfg.update(val_interval=121), 'warn', 'val_interval is 121 of 120 epochs'),
        (lambda c: c.default_hooks.update(checkpoint=None), 'FAIL', 'no checkpoint hook'),
        (
            lambda c: c.default_hooks.checkpoint.update(interval=200, save_last=False),
            'FAIL',
            'checkpoints every 200 of 120 epochs: none is saved',
        ),
        (
            lambda c: c.param_scheduler.append(dict(type='MultiStepLR', milestones=[90, 120, 170])),
            'warn',
            'the learning rate falls at epochs [120, 170], after the last of 120',
        ),
    ],
)
def test_schedules_that_do_not_fit(break_it, level, says, mouse):
    break_it(mouse)
    ((found, what),) = worse(check_schedule(mouse))
    assert found == level and says in what


def test_schedules_of_the_project_fit():
    for path in sorted((ROOT / 'configs').glob('[a-z]*/*.py'))[::6]:
        cfg = Config.fromfile(path)
        assert worse(check_schedule(cfg)) == [], path
        part = data_parts(cfg)[0]
        assert not part.is_coco or num_outputs(cfg) == len(part.skeleton()[0]), path


def test_evaluators_of_the_mouse(mouse):
    findings = list(check_evaluators(mouse, data_parts(mouse)))
    assert [finding.level for finding in findings] == ['ok'] * 4
    assert findings[0].what == 'val is measured by CocoMetric'


def test_metric_of_other_annotations(mouse):
    mouse.val_evaluator[0].ann_file = mouse.test_evaluator[0].ann_file
    ((level, what),) = worse(check_evaluators(mouse, data_parts(mouse)))
    assert level == 'FAIL' and 'val_evaluator CocoMetric measures on tests/data/mirror_mouse/test.json' in what


def test_metric_without_annotations(mouse):
    mouse.val_evaluator[0].ann_file = 'nowhere.json'
    ((level, what),) = worse(check_evaluators(mouse, data_parts(mouse)))[:1]
    assert level == 'FAIL' and what == 'val_evaluator CocoMetric: nowhere.json: there is no such file'


def test_metric_that_refuses_its_annotations(mouse, tmp_path):
    content = copy.deepcopy(json.loads(Path(mouse.val_evaluator[0].ann_file).read_text()))
    content['annotations'][0].pop('area')
    (tmp_path / 'val.json').write_text(json.dumps(content))
    mouse.val_dataloader.dataset.update(data_root='', ann_file=str(tmp_path / 'val.json'))
    mouse.val_evaluator = dict(type='CocoAveragePrecision', ann_file=str(tmp_path / 'val.json'))
    mouse.default_hooks.checkpoint.save_best = 'auto'
    ((level, what),) = worse(check_evaluators(mouse, data_parts(mouse)))
    assert level == 'FAIL' and 'val_evaluator CocoAveragePrecision cannot be built' in what and "['area']" in what


@pytest.mark.parametrize(
    'best, rule, level, says',
    [
        ('EPE', 'greater', 'FAIL', "save_best EPE has the rule 'greater': the worst checkpoint is kept"),
        ('coco/AP', 'less', 'FAIL', "save_best coco/AP has the rule 'less'"),
        ('MRE_mm', 'less', 'warn', 'save_best is MRE_mm, and val measures coco, EPE'),
        ('coco/AR', 'greater', None, ''),
        ('auto', 'less', None, ''),
    ],
)
def test_checkpoint_to_keep(best, rule, level, says, mouse):
    mouse.default_hooks.checkpoint.update(save_best=best, rule=rule)
    found = worse(check_evaluators(mouse, data_parts(mouse)))
    assert [at for at, _ in found] == ([level] if level else []) and all(says in what for _, what in found)


def test_mirrors(mouse):
    assert not mirrors(mouse, data_parts(mouse))
    mouse.model.test_cfg.flip_test = True
    assert mirrors(mouse, data_parts(mouse))
    sample = Config.fromfile('configs/body/hybridnet_s_coco_sample_256x192.py')
    sample.model.test_cfg.flip_test = False
    assert mirrors(sample, data_parts(sample))
