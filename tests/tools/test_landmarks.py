"""The way of docs/landmarks.md: from images and two readers' CSV files to a table in mm and pictures."""

import csv
import json

import cv2
import numpy as np
import pytest
import torch

BASES = {
    'skeletons/triangle.py': """
skeleton = dict(
    name='triangle', keypoints=['top', 'left', 'right'], flip_pairs=[], links=[('top', 'left')], sigmas=[0.01] * 3,
    measures=dict(top=('angle', 'left', 'top', 'right'), base=('distance', 'left', 'right')))
""",
    'datasets/triangles.py': """
_base_ = [{radiograph!r}, '../skeletons/triangle.py']
data_root = {root!r}
num_keypoints = len(_base_.skeleton.keypoints)
network = dict(head=dict(num_keypoints=num_keypoints))
input_size = (64, 96)
crop = [dict(type='SmoothDownscale', input_size=input_size), dict(type='TopdownAffine', input_size=input_size)]
augmented = [*_base_.read, *_base_.augment, *crop, *_base_.distort, *_base_.pack]
evaluate = [*_base_.read, *crop, *_base_.pack]
images = dict(
    type='CocoKeypoints', data_root=data_root, data_prefix=dict(img='images/'), skeleton=_base_.skeleton)
loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(**loader, dataset=dict(**images, ann_file='fold0/train.json', pipeline=augmented))
val_dataloader = dict(
    **loader, dataset=dict(**images, ann_file='fold0/val.json', test_mode=True, pipeline=evaluate))
test_dataloader = dict(dataset=dict(**images, ann_file='test.json', test_mode=True, pipeline=evaluate))
""",
}
EXPERIMENT = """
_base_ = [{hybridnet!r}, '../_base_/datasets/triangles.py', {schedule!r}]
model = _base_.network
train_cfg = dict(max_epochs=4, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=1), early_stopping=dict(patience=1, min_delta=1e9))
"""
SECOND = """
_base_ = 'tiny.py'
model = dict(test_cfg=dict(search_radius=0.055))
read = [dict(type='ReadImage', color_type='grayscale'), dict(type='GetBBoxCenterScale', padding=1.2)]
augmented = [*read, *_base_.augment, *_base_.crop, *_base_.distort, *_base_.pack]
evaluate = [*read, *_base_.crop, *_base_.pack]
train_dataloader = dict(dataset=dict(type='CocoCloseups', pipeline=augmented))
val_dataloader = dict(dataset=dict(type='CocoCloseups', points_file='first/val.json', pipeline=evaluate))
test_dataloader = dict(dataset=dict(type='CocoCloseups', points_file='first/test.json', pipeline=evaluate))
"""


@pytest.fixture(scope='module')
def labelled(tmp_path_factory):
    """Sixteen grey images of triangles, and a CSV of each of two readers, one landmark missing."""
    folder = tmp_path_factory.mktemp('triangles')
    (folder / 'images').mkdir()
    rng = np.random.default_rng(0)
    rows = {'junior': [], 'senior': []}
    for i in range(16):
        image = rng.integers(0, 60, (120, 80), np.uint8)
        corners = np.array([[40, 30], [20, 90], [60, 90]]) + rng.normal(0, 4, (3, 2))
        cv2.fillPoly(image, [corners.round().astype(np.int32)], 200)
        cv2.imwrite(str(folder / f'images/{i:02d}.png'), image)
        for name, shift in (('junior', -0.5), ('senior', 0.5)):
            cells = [f'{value:.3f}' for value in (corners + shift).ravel()]
            rows[name].append([f'{i:02d}.png', *(['', ''] if i == 0 else cells[:2]), *cells[2:]])
    for name, lines in rows.items():
        with open(folder / f'{name}.csv', 'w', newline='') as file:
            names = [f'{landmark}_{axis}' for landmark in ('top', 'left', 'right') for axis in 'xy']
            csv.writer(file).writerows([['image', *names], *lines])
    return folder


@pytest.fixture(scope='module')
def converted(labelled, call):
    options = ('--image-root', labelled / 'images', '--pixel-spacing', '0.5', '--split', 'train=0.75,test=0.25')
    readers = (labelled / 'junior.csv', labelled / 'senior.csv')
    call('convert_labels', 'csv', *readers, labelled, *options, '--folds', '3')
    return labelled


@pytest.fixture(scope='module')
def experiment(converted):
    from pathlib import Path

    bases = Path(__file__).parents[2] / 'configs/_base_'
    paths = dict(
        radiograph=str(bases / 'datasets/radiograph.py'),
        hybridnet=str(bases / 'models/hybridnet_s.py'),
        schedule=str(bases / 'schedules/adamw_landmark.py'),
        root=str(converted) + '/',
    )
    for name, text in {**{f'_base_/{k}': v for k, v in BASES.items()}, 'landmark/tiny.py': EXPERIMENT}.items():
        path = converted / 'configs' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(**paths) if '!r}' in text else text)
    return converted / 'configs/landmark/tiny.py'


@pytest.fixture(scope='module')
def finished(experiment, call, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('work')
    call('train', experiment, '--work-dir', work_dir)
    (best,) = work_dir.glob('best_MRE_mm_*.pth')
    call('test', experiment, best, '--work-dir', work_dir, '--show-dir', work_dir / 'pictures')
    return work_dir


def test_splits_and_folds(converted):
    files = {name: json.loads((converted / f'{name}.json').read_text()) for name in ('train', 'test', 'fold0/val')}
    assert [len(file['images']) for file in files.values()] == [12, 4, 4]
    annotations = [annotation for name in ('train', 'test') for annotation in files[name]['annotations']]
    assert all(set(annotation['readers']) == {'junior', 'senior'} for annotation in annotations)
    assert sum(annotation['num_keypoints'] for annotation in annotations) == 16 * 3 - 1


def test_best_is_by_millimetres_and_training_stops_early(finished):
    log = next(finished.glob('*/*.log')).read_text()
    assert 'the metric reached convergence' in log or 'Early' in log or 'early' in log
    assert 'Epoch(train)   [4]' not in log and 'Epoch(train) [4]' not in log
    assert 'landmark  MRE_mm' in log


def test_table_in_millimetres(finished):
    metrics = json.loads((finished / 'metrics.json').read_text())
    assert metrics['MRE_mm'] == pytest.approx(0.5 * metrics['MRE_px'], rel=1e-5)
    assert metrics['MRE_mm_low'] <= metrics['MRE_mm'] <= metrics['MRE_mm_high']
    with open(finished / 'landmarks.csv') as file:
        table = list(csv.DictReader(file))
    assert [row['landmark'] for row in table] == ['top', 'left', 'right', 'all']
    assert sum(int(row['missing']) for row in table[:3]) == metrics['missing'] <= 1


def test_points_and_measures_with_their_deviations(finished, experiment, call, tmp_path):
    (best,) = finished.glob('best_MRE_mm_*.pth')
    files = {name: tmp_path / f'{name}.csv' for name in ('landmarks', 'measures')}
    options = [part for name, path in files.items() for part in (f'--{name}', path)]
    call('test', experiment, best, '--work-dir', tmp_path / 'work', *options)
    metrics = json.loads((tmp_path / 'work/metrics.json').read_text())
    tables = {name: list(csv.DictReader(path.read_text().splitlines())) for name, path in files.items()}
    assert [row['landmark'] for row in tables['landmarks']] == 4 * ['top', 'left', 'right']
    assert [row['measure'] for row in tables['measures']] == 4 * ['top', 'base']
    assert {row['unit'] for row in tables['landmarks']} == {'mm'}
    assert all(float(row['sd_major']) >= float(row['sd_minor']) > 0 for row in tables['landmarks'])
    for i, row in enumerate(tables['measures'][1::2]):
        left, right = (np.array([float(tables['landmarks'][3 * i + j][axis]) for axis in 'xy']) for j in (1, 2))
        assert float(row['value']) == pytest.approx(np.hypot(*(left - right)), abs=1e-3)
        assert row['image'] == tables['landmarks'][3 * i]['image'] and float(row['sd']) > 0
    errors = [abs(float(row['error'])) for row in tables['measures'][1::2]]
    assert metrics['base_MAE'] == pytest.approx(np.mean(errors), rel=1e-3)
    assert {'top_MAE', 'top_within_95', 'base_within_95', 'MRE_mm'} < set(metrics)


def test_pictures_begin_with_the_worst_case(finished):
    names = sorted(path.name for path in (finished / 'pictures').iterdir())
    assert len([name for name in names if name[:3].isdigit()]) == 4
    assert {'errors.png', 'results.json'} <= set(names)


def test_averaged_weights_are_what_is_tested_and_a_run_goes_on(finished, experiment, call):
    content = torch.load(next(finished.glob('epoch_*.pth')), map_location='cpu', weights_only=False)
    ours, other = content['state_dict'], content['ema_state_dict']
    name = next(name for name in ours if name.endswith('conv.weight'))
    assert not torch.equal(ours[name], other[f'module.{name}'])
    call('train', experiment, '--work-dir', finished, '--resume', '--cfg-options', 'train_cfg.max_epochs=3')
    assert (finished / 'epoch_3.pth').is_file()


def test_a_second_network_looks_closer(finished, experiment, converted, call, tmp_path):
    """Section 6: what the first network finds is what the second one looks at, in tests and in new images."""
    (best,) = finished.glob('best_MRE_mm_*.pth')
    second, points = experiment.with_name('second.py'), converted / 'first'
    second.write_text(SECOND)
    with pytest.raises(SystemExit, match='first/val.json: there is no such file; tools/test.py writes it'):
        call('train', second, '--work-dir', tmp_path / 'nothing')
    val = ('--cfg-options', 'test_dataloader.dataset.ann_file=fold0/val.json')
    call('test', experiment, best, '--work-dir', tmp_path, '--out', points / 'test.json')
    call('test', experiment, best, '--work-dir', tmp_path, '--out', points / 'val.json', *val)
    call('train', second, '--work-dir', tmp_path / 'second')
    (network,) = (tmp_path / 'second').glob('best_MRE_mm_*.pth')
    scales = ('--scales', '0.93', '1', '1.07')
    call('test', second, network, '--work-dir', tmp_path / 'second', '--out', tmp_path / 'closer.json', *scales)
    first, closer = (json.loads(path.read_text()) for path in (points / 'test.json', tmp_path / 'closer.json'))
    assert closer[0]['protocol']['boxes'] == str(points / 'test.json')
    assert json.loads((tmp_path / 'second/metrics.json').read_text())['MRE_mm'] > 0
    shown = []
    for one, other in zip(first, closer, strict=True):
        before, after = (np.reshape(entry['keypoints'], (-1, 3))[:, :2] for entry in (one, other))
        x, y, width, height = other['bbox']
        np.testing.assert_allclose([x, y], before.min(axis=0), atol=1e-3)
        np.testing.assert_allclose([x + width, y + height], before.max(axis=0), atol=1e-3)
        shown.append(1.2 * max(width / 64, height / 96))  # image px a px of the input
        reach = 0.055 * (64 * 96) ** 0.5 + 4  # the distance, and what a fit may leave the highest cell by
        assert np.linalg.norm(after - before, axis=1).max() < shown[-1] * reach
    calibrations = []
    for merged in ('True', 'False'):
        path = tmp_path / f'{merged}.pth'
        settings = ('--cfg-options', f'model.test_cfg.merge_prior={merged}')
        call('calibrate', second, network, '--out', path, '--work-dir', tmp_path, '--kind', 'scale', *settings)
        state = torch.load(path, weights_only=False)['state_dict']
        calibrations.append(state['head.calibration.log_scale'].tolist())
    assert calibrations[0] == calibrations[1], 'what is calibrated is what the second network says alone'
    (tmp_path / 'new').mkdir()
    for image in json.loads((converted / 'test.json').read_text())['images']:
        (tmp_path / 'new' / image['file_name']).write_bytes((converted / 'images' / image['file_name']).read_bytes())
    options = ('--detector', experiment, best, '--out', tmp_path / 'out', '--no-pictures', *scales)
    call('infer', second, network, tmp_path / 'new', *options)
    found = json.loads((tmp_path / 'out/predictions.json').read_text())
    assert found[0]['protocol']['scales'] == closer[0]['protocol']['scales'] == [0.93, 1, 1.07]
    apart = [np.subtract(one['keypoints'], other['keypoints']) for one, other in zip(found, closer, strict=True)]
    assert np.mean(np.abs(apart) < 0.05) > 0.75  # the file is rounded, and the peaks of flat maps move with it
