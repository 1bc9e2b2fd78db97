"""The benchmark in tiny: what it writes, and that both sides do the same work; never how long it takes."""

import importlib
import json
from pathlib import Path

import cv2
import pytest
import torch
from mmengine.registry import DefaultScope

ROOT = Path(__file__).parents[2]
RUN = {'side', 'median', 'low', 'high', 'rounds'}


@pytest.fixture(scope='module')
def tool():
    """The tool, with measurements as short as they can be; the process stays as it was."""
    threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.backends.cudnn, 'benchmark', False)
        patch.syspath_prepend(ROOT / 'tools')
        module = importlib.import_module('benchmark')
        patch.setattr('benchmarks.contest.SHORTEST', 0)
        yield module
    torch.set_num_threads(threads)
    cv2.setNumThreads(cv2_threads)


@pytest.fixture
def measure(tool, tmp_path, capsys):
    """Run a sub-command and return its contests by title's first words, after checking what all have in common."""

    def run(command, *arguments):
        path = tmp_path / 'results' / f'{command}.json'
        tool.main([command, '--repeats', '2', '--threads', '1', '--json', str(path), *arguments])
        assert [file.name for file in path.parent.iterdir()] == [path.name]
        content = json.loads(path.read_text())
        assert content['command'] == command
        assert (content['device'][-3:], content['threads'], content['repeats']) == ('CPU', 1, 2)
        assert {'hybridkp', 'mmpose', 'torch'} <= set(content['versions'])
        printed = capsys.readouterr().out
        for contest in content['contests']:
            check_contest(contest, printed)
        return content['contests']

    return run


def check_contest(contest, printed):
    assert contest['title'] in printed and contest['notes']
    sides = {name: run['side'] for name, run in contest['runs'].items()}
    assert set(sides.values()) == {'ours', 'theirs'}
    for run in contest['runs'].values():
        assert set(run) >= RUN and len(run['rounds']) == 2
        assert 0 < run['low'] <= run['median'] <= run['high']
    for ratio in contest['ratios']:
        assert (sides[ratio['ours']], sides[ratio['theirs']]) == ('ours', 'theirs')
        assert 0 < ratio['low'] <= ratio['median'] <= ratio['high']
        assert f'times as fast as {ratio["theirs"]}' in printed


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
    'arguments', ['codec --repeats 0', 'codec --batch-size 0', 'train --amp', 'codec --device cuda']
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
