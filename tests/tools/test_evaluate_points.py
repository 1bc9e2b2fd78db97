"""tools/evaluate_points.py: one table for all detectors, on pairs that are made and on scenes."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[2]
COCO = ROOT / 'tests/data/coco/val2017'
CONFIG = ROOT / 'configs/points/hybridnet_s_pictures_224.py'


def read(folder):
    rows = list(csv.DictReader((folder / 'table.csv').read_text().splitlines()))
    return {row['detector']: row for row in rows}, json.loads((folder / 'pairs.json').read_text())


@pytest.fixture
def few(tmp_path):
    for path in sorted(COCO.glob('*.jpg'))[:4]:
        (tmp_path / 'few').mkdir(exist_ok=True)
        (tmp_path / 'few' / path.name).write_bytes(path.read_bytes())
    return tmp_path / 'few'


def test_pairs_of_a_folder(call, few, tmp_path, capsys):
    (few / 'text.jpg').write_text('no image')
    options = ('--detectors', 'harris', 'filters', '--size', 160, 120, '--points', 60)
    call('evaluate_points', few, *options, '--out', tmp_path / 'out')
    said = capsys.readouterr().out
    assert '5 pairs, 60 points, radius 4 px, threshold 3 px' in said and 'skipped 1 images: ' in said
    rows, pairs = read(tmp_path / 'out')
    assert list(rows) == ['harris', 'filters'] and len(pairs['harris']['pairs']) == 5
    for row in rows.values():
        low, mean, high = (float(row[f'repeatability{end}']) for end in ('_low', '', '_high'))
        assert 20 < low <= mean <= high < 100 and 0 < float(row['localisation']) < 2
        assert 0 <= float(row['AUC_1px']) <= float(row['AUC_3px']) <= float(row['AUC_5px']) <= 100
    call('evaluate_points', few, *options, '--out', tmp_path / 'again')
    assert read(tmp_path / 'again')[1]['harris']['pairs'] == pairs['harris']['pairs']
    call('evaluate_points', few, *options, '--seed', 1, '--out', tmp_path / 'other')
    assert read(tmp_path / 'other')[1]['harris']['pairs'] != pairs['harris']['pairs']


def test_scenes_and_a_network(call, tmp_path, capsys):
    from mmengine.config import Config
    from mmengine.registry import DefaultScope
    from mmpose.registry import MODELS

    import hybridkp.plugin  # noqa: F401

    with DefaultScope.overwrite_default_scope('mmpose'):
        torch.save(dict(state_dict=MODELS.build(Config.fromfile(CONFIG).model).state_dict()), tmp_path / 'a.pth')
    scene, homography = tmp_path / 'scenes/v_match', np.array([[0.95, 0.1, 12], [-0.1, 1, 20], [0, 0, 1.0]])
    scene.mkdir(parents=True)
    image = cv2.imread(str(COCO / '000000000885.jpg'))
    cv2.imwrite(str(scene / '1.ppm'), image)
    cv2.imwrite(str(scene / '2.ppm'), cv2.warpPerspective(image, homography, image.shape[1::-1]))
    np.savetxt(scene / 'H_1_2', homography)
    arguments = ('--detectors', 'shi-tomasi', '--network', CONFIG, tmp_path / 'a.pth', '--max-side', 320)
    call('evaluate_points', tmp_path / 'scenes', *arguments, '--out', tmp_path / 'out')
    rows, pairs = read(tmp_path / 'out')
    assert list(rows) == ['shi-tomasi', 'hybridnet_s_pictures_224']
    assert float(rows['shi-tomasi']['repeatability']) > 60 and len(pairs['shi-tomasi']['pairs']) == 1
    assert float(rows['shi-tomasi']['AUC_5px']) > 60
    assert '1 pairs' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('none',), 'image folder none/? does not exist'),
        (('empty',), 'expected images .* got none'),
        (('few', '--detectors', 'surf'), "got 'surf'"),
        (('few', '--detectors', 'none'), 'expected a detector or a network, got none'),
        (('few', '--network', 'none.py', 'a.pth'), 'config none.py does not exist'),
    ],
)
def test_what_cannot_be_done(call, few, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(SystemExit, match=f'error: .*{message}'):
        call('evaluate_points', *arguments, '--out', 'out')
    assert not (tmp_path / 'out').exists()


def test_from_a_folder_of_photos_to_a_detector(call, few, tmp_path, capsys):
    """Train a small network on a folder, go on from its checkpoint, and measure the best one."""
    config = tmp_path / 'small_pictures_64.py'
    loader = (
        'dict(batch_size=2, num_workers=0, persistent_workers=False, dataset=dict(data_root=root, {}pipeline=[{}]))'
    )
    crop = "dict(type='ResizedCrop', input_size=(64, 64){}), "
    views = crop.format(', random=False') + "dict(type='ChangeView'), _base_.pack_view"
    config.write_text(
        f"_base_ = '{CONFIG}'\nroot = '{few}'\n"
        f'train_dataloader = {loader.format("part=(0.0, 0.5), ", crop.format("") + "_base_.pack")}\n'
        f'val_dataloader = {loader.format("part=(0.5, 1.0), ", views)}\n'
        'test_dataloader = val_dataloader\nval_evaluator = dict(points=20)\ntrain_cfg = dict(max_epochs=2)\n'
    )
    work = tmp_path / 'work'
    call('train', config, '--work-dir', work)
    assert 'points/repeatability' in capsys.readouterr().out and (work / 'epoch_2.pth').is_file()
    call('train', config, '--work-dir', work, '--resume', '--cfg-options', 'train_cfg.max_epochs=3')
    assert (work / 'epoch_3.pth').is_file()
    (best,) = work.glob('best_points_repeatability_epoch_*.pth')
    options = ('--detectors', 'filters', '--size', 96, 64, '--points', 30, '--out', tmp_path / 'out')
    call('evaluate_points', few, '--network', config, best, *options)
    assert list(read(tmp_path / 'out')[0]) == ['filters', 'small_pictures_64']
    call('test', config, best, '--work-dir', work)
    metrics = json.loads((work / 'metrics.json').read_text())
    assert 0 <= metrics['points/repeatability'] <= 100 and 0 <= metrics['homography/AUC_5px'] <= 100
