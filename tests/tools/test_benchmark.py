"""The benchmark in tiny: what it writes, and that both sides do the same work; never how long it takes."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS

from hybridkp.models.heads.gaussian_heatmap_head import GaussianHeatmapHead
from hybridkp.models.heads.likelihood_head import LikelihoodHead

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize('case', ['body', 'landmark'])
def test_codec(measure, case):
    encode, read, decode = measure('codec', '--cases', case, '--batch-size', '1')
    assert [len(contest['ratios']) for contest in (encode, read, decode)] == [9, 6, 3]
    (difference,) = encode['facts'].values()
    assert 0 <= difference < 5e-4
    errors = {name: run['mean error, px'] for name, run in decode['runs'].items()}
    assert errors['hybridkp, with covariance'] < 0.4
    assert errors["mmpose's MSRAHeatmap with DARK"] < 0.4
    assert errors["mmpose's UDPHeatmap"] < 1.5
    assert errors["mmpose's MSRAHeatmap"] < 3


def test_train(measure):
    step, accuracy = measure('train', '--models', 'hrnet_w32', '--batch-size', '1')
    assert list(step['runs']) == ['hybridkp, hrnet_w32', "mmpose's hrnet_w32"]
    (difference,) = step['facts'].values()
    assert 0 <= difference < 1e-3
    assert [name.split(' of ')[-1] for name in accuracy['facts']] == list(step['runs'])


@pytest.fixture
def small_config(tmp_path):
    """Write a config of a network of ours for the bundled people at 64x64."""

    def write(base, data):
        crop = "dict(type='TopdownAffine', input_size=(64, 64))"
        steps = f"[dict(type='ReadImage'), dict(type='GetBBoxCenterScale'), {crop}, dict(type='PackPoseInputs')]"
        data = f'test_dataloader = dict(dataset=dict(pipeline={steps}{data}))'
        (tmp_path / 'small.py').write_text(f'_base_ = {str(ROOT / "configs/body" / base)!r}\n{data}\n')
        return tmp_path / 'small.py'

    return write


def test_model(measure, small_config, tmp_path):
    files = f', data_root={str(tmp_path)!r}'  # where nothing is: the bundled people are taken
    config = small_config('hrnet_w32_coco_384x288.py', files)
    arguments = ('--config', str(config), '--batch-sizes', '2', '--variants', 'channels-first', 'bf16')
    (contest,) = measure('model', *arguments, '--flip-test')
    assert contest['title'] == 'prediction, small, batch 2, 64x64, 17 points, flip test'
    assert contest['unit'] == 'images/s' and len(contest['ratios']) == 2
    difference, *seconds = contest['facts'].values()
    assert 0 <= difference < 1e-3 and len(seconds) == 2
    for name, run in contest['runs'].items():
        assert run['mean error, px'] < (2 if name.startswith('mmpose') else 1e-3)
        parts = [run[f'{part}, %'] for part in ('preparing', 'network', 'decoding')]
        assert min(parts) > 0 and 80 < sum(parts) < 120 and run['latency, ms'] > 0


def test_model_of_another_network(measure, small_config, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None if name == 'onnxruntime' else find(name))
    config = small_config('hybridnet_s_coco_sample_256x192.py', f', data_root={str(ROOT / "tests/data/coco")!r}')
    (contest,) = measure('model', '--config', str(config), '--batch-sizes', '1', '--variants', 'eager', 'onnxruntime')
    assert list(contest['runs']) == ['hybridkp, eager', "mmpose's hrnet_w32"]
    assert 'onnxruntime: not installed' in contest['notes']
    assert any(note.startswith("another network than mmpose's") for note in contest['notes'])


def test_onnx_needs_a_head_of_heatmaps_alone(tool, monkeypatch):
    model_onnx = importlib.import_module('benchmarks.model_onnx')
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: name)
    providers = SimpleNamespace(get_available_providers=lambda: ['CPUExecutionProvider'])
    monkeypatch.setitem(sys.modules, 'onnxruntime', providers)
    plain, more = (SimpleNamespace(head=object.__new__(head)) for head in (GaussianHeatmapHead, LikelihoodHead))
    assert model_onnx.why_not(plain, 'cpu') is None
    assert model_onnx.why_not(plain, 'cuda') == 'not measured, this onnxruntime has no CUDA'
    assert model_onnx.why_not(more, 'cpu') == 'not measured, LikelihoodHead predicts more than heatmaps'
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: name if name == 'onnxruntime' else None)
    assert model_onnx.why_not(plain, 'cpu') == 'not measured, onnx is not installed'


def test_onnx_gives_the_same_maps(tool):
    pytest.importorskip('onnx'), pytest.importorskip('onnxruntime')
    model_onnx = importlib.import_module('benchmarks.model_onnx')
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(Config.fromfile(ROOT / 'configs/body/hybridnet_s_coco_256x192.py').model).eval()
    images = torch.rand(2, 3, 64, 64)
    network = model_onnx.onnx_network(model, images, threads=1)
    with torch.no_grad():
        for count in (2, 1, 4):
            batch = torch.cat((images, images))[:count]
            torch.testing.assert_close(network(batch), model(batch), atol=1e-4, rtol=1e-4)
    assert not any(module.training for module in model.modules())


def test_mirrored_pairs_show_the_same_in_the_mirrored_image(tool):
    sides = importlib.import_module('benchmarks.model_sides')
    points = sides.mirrored_pairs(torch.tensor([[[1.0, 2], [5, 6], [7, 8]]]), [0, 2, 1], 64)
    assert points.tolist() == [[[31.5, 2], [5, 6], [58, 6]]]
    mirrored = points * torch.tensor([-1, 1]) + torch.tensor([63, 0])
    assert torch.equal(mirrored[:, [0, 2, 1]], points)


def test_watches_are_taken_off(tool):
    model = importlib.import_module('benchmarks.model')

    class Head:
        def forward(self, feats):
            return feats

    head, seconds = Head(), dict(network=0.0)
    with model.watches([(head, 'forward', 'network')], seconds, 'cpu'):
        assert head.forward(3) == 3
    assert seconds['network'] > 0 and not vars(head)
    head.forward = own = abs
    with pytest.raises(TypeError), model.watches([(head, 'forward', 'network')], seconds, 'cpu'):
        head.forward('no number')
    assert head.forward is own


def test_pipeline(measure):
    in_line, loader = measure('pipeline', '--samples', '4')
    assert in_line['unit'] == loader['unit'] == 'images/s'
    assert list(in_line['facts'].values()) == [1]


def test_evaluate(measure):
    (contest,) = measure('evaluate', '--samples', '40')
    assert contest['title'] == 'evaluate 833 detections, 88 people, 40 images'
    assert [run['side'] for run in contest['runs'].values()] == ['ours', 'theirs']
    (precision,) = contest['facts'].values()
    assert 0.05 < precision < 0.95


def test_numbers_that_differ_are_no_contest(tool):
    evaluate = importlib.import_module('benchmarks.evaluate')
    with pytest.raises(RuntimeError, match='expected equal numbers'):
        evaluate.equal({evaluate.OURS: {'coco/AP': 0.5}, evaluate.THEIRS: {'coco/AP': 0.5 + 1e-15}})


@pytest.mark.parametrize('model', ['hrnet_w32', 'unet'])
def test_covariance(measure, model):
    (contest,) = measure('covariance', '--models', model, '--batch-size', '1')
    plain, calibrated, points, dark = (run['mean error, px'] for run in contest['runs'].values())
    assert list(contest['runs'])[2].startswith('points alone') and list(contest['runs'])[3].startswith('mmpose')
    assert plain == calibrated < 0.2 and points < 1.5 and dark < 0.3
    assert len(contest['ratios']) == 4
    assert [fact.split(': ')[1] for fact in contest['facts']] == list(contest['runs'])[:2]
    assert all(share > 0 for share in contest['facts'].values())


def test_calibrated_covariances_are_other_covariances(tool):
    covariance = importlib.import_module('benchmarks.covariance')
    with DefaultScope.overwrite_default_scope('mmpose'):
        contest = covariance.prediction('unet', 1, 'cpu')
        found = {name: run()[0].pred_instances for name, run in contest.turns().items()}
    plain, calibrated = (found[name].keypoint_covariances for name in contest.ours)
    assert plain.shape == (1, 19, 2, 2) and (calibrated > plain).diagonal(axis1=-2, axis2=-1).all()
    for name in contest.theirs:
        assert found[name].keypoints.shape == (1, 19, 2) and 'keypoint_covariances' not in found[name]


def test_ratios_are_taken_within_rounds(tool):
    contest = tool.Contest('work', {'ours': None}, {'theirs': None, 'slow': None}, items=4)
    assert list(contest.turns()) == ['ours', 'theirs', 'slow']
    contest.seconds = {'ours': [1, 2, 4], 'theirs': [2, 2, 12], 'slow': [8, 16, 32]}
    result = contest.result()
    assert [ratio['median'] for ratio in result['ratios']] == [2, 8]
    assert result['runs']['ours'] == {'side': 'ours', 'median': 2, 'low': 1.5, 'high': 3, 'rounds': [4, 2, 1]}
    assert tool.table(contest).endswith('ours: 8.00 (8.00 .. 8.00) times as fast as slow')


def test_sides_take_turns(tool):
    calls = []
    contest = tool.Contest('work', dict(a=lambda: calls.append('a')), dict(b=lambda: calls.append('b')))
    contest.measure(3, 'cpu')
    assert ''.join(calls) == 'ab' * 4


@pytest.mark.parametrize(
    'arguments',
    ['codec --repeats 0', 'codec --batch-size 0', 'train --amp', 'model --batch-sizes 0', 'codec --device cuda'],
)
def test_mistakes_are_named(tool, arguments, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ValueError, match=arguments.split()[1]):
        tool.main(arguments.split())


def test_step(measure, tool):
    names = ('unet_isbi2015_128x128', 'hybridnet_s_isbi2015_128x128', 'hourglass_isbi2015_128x128')
    configs = [str(ROOT / f'configs/landmark/{name}.py') for name in names]
    (contest,) = measure('step', *configs, '--batch-size', '2')
    assert contest['title'] == 'training step, batch 2'
    assert [(ratio['ours'], ratio['theirs']) for ratio in contest['ratios']] == [(name, names[0]) for name in names[1:]]
    sizes = [contest['runs'][name]['parameters (M)'] for name in names]
    assert sizes == pytest.approx([6.40, 1.59, 9.87], abs=0.01)
    assert contest['runs'][names[0]]['GMAC'] == pytest.approx(0.64, abs=0.02)
    with pytest.raises(SystemExit):
        tool.run_tool(tool.main, ['step', configs[0]])
