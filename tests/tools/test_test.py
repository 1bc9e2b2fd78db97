"""Testing a checkpoint: the table, metrics.json and the result file."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

MOUSE = Path(__file__).parents[1] / 'data/mirror_mouse'
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
    assert table[0].strip() == written.pop('boxes') == written.pop('protocol')['boxes'] == 'ground truth'
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


@pytest.fixture
def radial_config(trained, tmp_path):
    """The tiny config with radial errors in px for a metric."""
    path = tmp_path / 'radial.py'
    metric = "test_evaluator = [dict(type='RadialError', unit='px', thresholds=(5, 20), bootstrap=10)]"
    path.write_text(f'_base_ = {trained.config!r}\n{metric}\n')
    return path


def test_landmarks_have_a_table_of_their_own(radial_config, trained, call, tmp_path):
    call('test', radial_config, trained.checkpoint, '--work-dir', tmp_path / 'work')
    rows = [line.split(',') for line in (tmp_path / 'work/landmarks.csv').read_text().splitlines()]
    written = json.loads((tmp_path / 'work/metrics.json').read_text())
    assert rows[0] == ['landmark', 'MRE_px', 'SD_px', 'SDR_5px', 'SDR_20px', 'count', 'missing']
    assert len(rows) == 1 + 17 + 1 and rows[-1][0] == 'all'
    assert [float(rows[-1][i]) for i in (1, 2, 6)] == pytest.approx(
        [written[name] for name in ('MRE_px', 'SD_px', 'missing')], rel=1e-5
    )
    assert int(rows[-1][5]) + int(rows[-1][6]) == 9 * 17
    (log,) = (tmp_path / 'work').glob('*/*.log')
    assert 'radial errors by landmark' in log.read_text()


def test_a_table_goes_where_the_config_says(radial_config, trained, call, tmp_path):
    option = f'test_evaluator.0.csv={tmp_path / "mine.csv"}'
    call('test', radial_config, trained.checkpoint, '--work-dir', tmp_path / 'work', '--cfg-options', option)
    assert (tmp_path / 'mine.csv').is_file() and not (tmp_path / 'work/landmarks.csv').exists()


def test_pictures_begin_with_the_worst(radial_config, trained, call, tmp_path, capsys):
    arguments = ('test', radial_config, trained.checkpoint, '--work-dir', tmp_path / 'work', '--show-dir')
    call(*arguments, tmp_path / 'show', '--show-count', 4)
    assert f'5 pictures in {tmp_path / "show"}' in capsys.readouterr().out
    truth = json.loads((MOUSE / 'val.json').read_text())
    labels = {one['image_id']: np.reshape(one['keypoints'], (17, 3)) for one in truth['annotations']}
    errors = {}
    for entry in json.loads((tmp_path / 'show/results.json').read_text()):
        points, label = np.reshape(entry['keypoints'], (17, 3)), labels[entry['image_id']]
        errors[entry['image_id']] = np.hypot(*(points - label)[label[:, 2] > 0, :2].T).mean()
    stems = {image['id']: Path(image['file_name']).stem for image in truth['images']}
    worst = sorted(errors, key=errors.get, reverse=True)[:4]
    pictures = sorted(path.name for path in (tmp_path / 'show').glob('*.png'))
    assert pictures == [*(f'{i:03d}_{stems[image]}.png' for i, image in enumerate(worst, 1)), 'errors.png']
    with pytest.raises(SystemExit, match=r'error: .*show: expected a folder without pictures of another test'):
        call(*arguments, tmp_path / 'show')


def test_predictions_go_where_out_says(trained, call, tmp_path):
    arguments = ('--work-dir', tmp_path / 'work', '--out', tmp_path / 'r.json', '--show-dir', tmp_path / 'show')
    call('test', trained.config, trained.checkpoint, *arguments, '--show-count', 0)
    assert (tmp_path / 'r.json').is_file() and [p.name for p in (tmp_path / 'show').iterdir()] == ['errors.png']


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
    out = ('--out', tmp_path / 'r.json', '--show-dir', tmp_path / 'show', '--show-count', 2)
    call('test', coco_config / 'config.py', trained.checkpoint, '--work-dir', tmp_path, *out)
    assert len(list((tmp_path / 'show').glob('00*_*.png'))) == 2
    boxes = json.loads((tmp_path / 'metrics.json').read_text())['boxes']
    assert boxes == str(coco_config / 'boxes.json')
    assert f'boxes        {boxes}' in capsys.readouterr().out
    (entry,) = json.loads((tmp_path / 'r.json').read_text())
    (box, _) = json.loads((coco_config / 'boxes.json').read_text())
    assert entry['bbox'] == pytest.approx(box['bbox'], abs=1e-4)
    scores = np.array(entry['keypoints'][2::3])
    expected = 0.9 * scores[scores > 0.2].mean() if (scores > 0.2).any() else 0
    assert entry['score'] == pytest.approx(expected, abs=1e-4)


def test_predictions_of_several_checkpoints_are_merged(trained, call, tmp_path):
    def points(name, *checkpoints):
        call('test', trained.config, *checkpoints, '--work-dir', tmp_path / name, '--out', tmp_path / f'{name}.json')
        return np.array([entry['keypoints'] for entry in json.loads((tmp_path / f'{name}.json').read_text())])

    first, last = trained.checkpoint, next(trained.work_dir.glob('best_*.pth'))
    assert points('same', last, last) == pytest.approx(points('one', last), abs=1e-3)
    both = points('both', first, last)
    assert both.shape == (9, 3 * 17) and np.isfinite(both).all()


def test_each_of_several_checkpoints_is_checked(trained, call, tmp_path):
    torch.save(dict(state_dict=dict(a=torch.zeros(1))), tmp_path / 'other.pth')
    with pytest.raises(SystemExit, match='other.pth is of another model'):
        call('test', trained.config, trained.checkpoint, tmp_path / 'other.pth', '--work-dir', tmp_path)


def test_covariances_are_measured(radial_config, trained, call, tmp_path, capsys):
    arguments = ('--work-dir', tmp_path / 'work', '--show-dir', tmp_path / 'show', '--show-count', 1)
    call('test', radial_config, trained.checkpoint, *arguments, '--calibration')
    assert f'4 pictures in {tmp_path / "show"}' in capsys.readouterr().out
    pictures = {path.name for path in (tmp_path / 'show').glob('*.png')}
    assert {'errors.png', 'reliability.png', 'risk_coverage.png'} < pictures and len(pictures) == 4
    written = json.loads((tmp_path / 'work/metrics.json').read_text())
    assert {'MRE_px', 'coverage_95', 'coverage_95_worst', 'NLL', 'ECE', 'area_px2', 'AURC_score'} <= set(written)
    assert written['AURC_oracle'] <= written['AURC'] and 'NLL_constant' not in written
    rows = [line.split(',') for line in (tmp_path / 'work/calibration.csv').read_text().splitlines()]
    assert len(rows) == 1 + 17 + 1 and rows[-1][0] == 'all'
    assert float(rows[-1][rows[0].index('NLL')]) == pytest.approx(written['NLL'], rel=1e-5)
    (log,) = (tmp_path / 'work').glob('*/*.log')
    assert 'calibration of covariances by landmark' in log.read_text()
    assert 'no constant covariances to compare the predicted ones with: tools/calibrate.py' in log.read_text()


def test_landmarks_are_in_px_without_radial_errors_and_a_skeleton_without_measures_is_refused(trained, call, tmp_path):
    call('test', trained.config, trained.checkpoint, '--work-dir', tmp_path, '--landmarks', tmp_path / 'points.csv')
    rows = [line.split(',') for line in (tmp_path / 'points.csv').read_text().splitlines()]
    assert len(rows) == 1 + 9 * 17 and {row[2] for row in rows[1:]} == {'px'}
    with pytest.raises(SystemExit, match='skeleton mirror_mouse17: expected measures to write a file of, got none'):
        call('test', trained.config, trained.checkpoint, '--work-dir', tmp_path, '--measures', tmp_path / 'm.csv')
    assert not (tmp_path / 'm.csv').exists()


def test_each_table_has_a_file_of_its_own(radial_config, trained, call, tmp_path):
    arguments = ('test', radial_config, trained.checkpoint, '--work-dir', tmp_path)
    for options in (['--landmarks', 'landmarks.csv'], ['--landmarks', 'a.csv', '--measures', './a.csv']):
        paths = [part if part[0] == '-' else tmp_path / part for part in options]
        with pytest.raises(SystemExit, match='expected a file of its own for each table'):
            call(*arguments, *paths)


def test_a_constant_in_the_checkpoint_is_the_baseline(trained, call, tmp_path):
    content = torch.load(trained.checkpoint, weights_only=False)
    points = [[9.0, 0.5, 4.0]] * 17
    for name, constant in (('right', points), ('short', points[:3]), ('wrong', [[1.0, 2.0, 1.0]] * 17)):
        content['meta']['calibration'] = dict(constant=constant)
        torch.save(content, tmp_path / f'{name}.pth')
    call('test', trained.config, tmp_path / 'right.pth', '--work-dir', tmp_path / 'work', '--calibration')
    written = json.loads((tmp_path / 'work/metrics.json').read_text())
    gain = written['NLL_constant'] - written['NLL']
    assert written['NLL_gain'] == pytest.approx(gain) and written['NLL_gain_low'] <= gain <= written['NLL_gain_high']
    assert 'NLL_constant' in (tmp_path / 'work/calibration.csv').read_text()
    for name, message in (('short', 'expected 3 keypoints as in the constant, got 17'), ('wrong', 'positive definite')):
        with pytest.raises(SystemExit, match=message):
            call('test', trained.config, tmp_path / f'{name}.pth', '--work-dir', tmp_path, '--calibration')


def test_the_constant_of_an_ensemble_is_what_its_members_have_in_common(trained, call, tmp_path):
    content = torch.load(trained.checkpoint, weights_only=False)
    for name, size in (('a', 4.0), ('b', 4.0), ('c', 5.0)):
        content['meta']['calibration'] = dict(constant=[[size, 0.5, 4.0]] * 17)
        torch.save(content, tmp_path / f'{name}.pth')
    for names in ('ab', 'ac'):
        checkpoints = [tmp_path / f'{name}.pth' for name in names]
        call('test', trained.config, *checkpoints, '--work-dir', tmp_path / names, '--calibration')
    assert 'NLL_gain' in json.loads((tmp_path / 'ab/metrics.json').read_text())
    without = json.loads((tmp_path / 'ac/metrics.json').read_text())
    assert 'NLL' in without and 'NLL_gain' not in without
    assert 'calibrated one by one' in next((tmp_path / 'ac').glob('*/*.log')).read_text()


def test_scales_are_part_of_the_protocol(trained, call, tmp_path):
    found = []
    for name, scales in (('one', ['1']), ('two', ['0.9', '1.0'])):
        call('test', trained.config, trained.checkpoint, '--work-dir', tmp_path / name, '--scales', *scales)
        found.append(json.loads((tmp_path / name / 'metrics.json').read_text()))
    assert [one['protocol']['scales'] for one in found] == [[1.0], [0.9, 1.0]] and found[0]['EPE'] != found[1]['EPE']
    with pytest.raises(SystemExit):
        call('test', trained.config, trained.checkpoint, '--work-dir', tmp_path, '--scales', '0')


@pytest.fixture(scope='module')
def sure(trained, tmp_path_factory):
    """The tiny checkpoint with heatmaps that are a hundred times as high, so that its keypoints have a score."""
    content = torch.load(trained.checkpoint, weights_only=False)
    for name, value in content['state_dict'].items():
        content['state_dict'][name] = 100 * value if 'head.final_layer' in name else value
    path = tmp_path_factory.mktemp('sure') / 'sure.pth'
    torch.save(content, path)
    return path


def test_settings_of_inference_are_measured_and_written(trained, sure, call, tmp_path):
    arguments = ('test', trained.config, sure, '--work-dir', tmp_path)
    call(*arguments, '--amp', 'fp16', '--channels-last', '--max-shift', 1000)
    (log,) = tmp_path.glob('*/*.log')
    assert re.search(
        r'--amp fp16 --channels-last moves \w+ of \S+\.\w+ by \S+ px of the input, the far', log.read_text()
    )
    written = json.loads((tmp_path / 'metrics.json').read_text())['protocol']
    assert written['inference'] == dict(dtype='float16', channels_last=True, compile=False)


def test_settings_of_inference_that_move_keypoints_are_refused(trained, sure, call, tmp_path):
    arguments = ('test', trained.config, sure, '--work-dir', tmp_path, '--amp', 'bf16')
    with pytest.raises(
        SystemExit, match=r'error: --amp bf16 moves \d+ keypoints by more than 1e-06 px .* by \S+ px of'
    ):
        call(*arguments, '--max-shift', 1e-6)
    assert not (tmp_path / 'metrics.json').exists()


def test_settings_that_nobody_can_judge_are_taken_only_when_told_so(trained, call, tmp_path):
    arguments = ('test', trained.config, trained.checkpoint, '--work-dir', tmp_path, '--amp', 'bf16')
    with pytest.raises(SystemExit, match=r'expected keypoints with a score above 0.3 .* got none in 9 images'):
        call(*arguments)
    call(*arguments, '--max-shift', 'inf')
    assert json.loads((tmp_path / 'metrics.json').read_text())['protocol']['inference']['dtype'] == 'bfloat16'
