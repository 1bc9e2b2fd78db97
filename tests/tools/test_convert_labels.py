"""tools/convert_labels.py: from the labels of other tools to COCO annotations, splits and folds."""

import json

import cv2
import numpy as np
import pytest

from hybridkp.converters.isbi2015 import LANDMARKS
from hybridkp.datasets.coco_json import read_annotations
from hybridkp.datasets.landmark_json import pixel_spacing


def ids(path):
    return [image['id'] for image in json.loads(path.read_text())['images']]


@pytest.fixture
def tables(tmp_path):
    """Two readers' tables, in mm, of ten images; the second reader left one landmark out."""
    for i in range(10):
        cv2.imwrite(str(tmp_path / f'{i}.png'), np.zeros((30, 40), np.uint8))
    head = 'image,S_x_mm,S_y_mm,N_x_mm,N_y_mm\n'
    (tmp_path / 'junior.csv').write_text(head + ''.join(f'{i}.png,1,2,,\n' for i in range(10)))
    rows = ['0.png,2,3,,\n', *(f'{i}.png,2,3,4,{i}\n' for i in range(1, 10))]
    (tmp_path / 'senior.csv').write_text(head + ''.join(rows))
    return tmp_path / 'junior.csv', tmp_path / 'senior.csv'


def test_tables_of_two_readers(tables, call, tmp_path, capsys):
    out = tmp_path / 'out'
    call('convert_labels', 'csv', *tables, out, '--pixel-spacing', 0.5)
    said = '10 images, 19 landmarks labelled, 1 missing, in (0.075, 0.067, 0.200, 0.600) of the frame'
    assert capsys.readouterr().out == f'{out}/all.json: {said}\n'
    coco = read_annotations(str(out / 'all.json'), 2, ['S', 'N'])
    assert coco['annotations'][1]['keypoints'] == [3, 5, 2, 8, 2, 2]
    assert pixel_spacing(coco['images'][0], coco) == (0.5, 0.5)


def test_splits_and_folds_of_what_is_trained_on(tables, call, tmp_path):
    out = tmp_path / 'out'
    arguments = ('csv', '--pixel-spacing', 0.5, *tables)
    call('convert_labels', *arguments, out, '--split', 'train=0.7,test=0.3', '--folds', 3, '--seed', 1)
    train, test = ids(out / 'train.json'), ids(out / 'test.json')
    assert sorted(train + test) == list(range(1, 11)) and len(test) == 3
    folds = [(ids(out / f'fold{i}/train.json'), ids(out / f'fold{i}/val.json')) for i in range(3)]
    assert sorted(sum((val for _, val in folds), [])) == train
    assert all(sorted(rest + val) == train for rest, val in folds)
    call('convert_labels', *arguments, tmp_path / 'whole', '--folds', 5)
    files = sorted(path.relative_to(tmp_path / 'whole').as_posix() for path in (tmp_path / 'whole').rglob('*.json'))
    assert files == ['all.json', *(f'fold{i}/{name}.json' for i in range(5) for name in ('train', 'val'))]
    call('convert_labels', *arguments, tmp_path / 'drift', '--blocks', 3)
    blocks = [[ids(tmp_path / f'drift/block{i}/{name}.json') for name in ('train', 'val')] for i in range(3)]
    assert [tuple(block) for block in blocks] == [
        ([5, 6, 7, 8, 9, 10], [1, 2, 3, 4]), ([1, 2, 3, 4, 8, 9, 10], [5, 6, 7]), ([1, 2, 3, 4, 5, 6, 7], [8, 9, 10])
    ]  # fmt: skip


def test_official_splits(call, tmp_path, capsys):
    for number in ('001', '002', '151'):
        cv2.imwrite(str(tmp_path / f'{number}.png'), np.zeros((240, 194), np.uint8))
    columns = ','.join(f'{name}_x_mm,{name}_y_mm' for name in LANDMARKS)
    rows = ''.join(f'{number}.png{",5" * 38}\n' for number in ('001', '002', '151'))
    table = tmp_path / 'junior.csv'
    table.write_text(f'image,{columns}\n{rows}')
    call('convert_labels', 'isbi2015', table, tmp_path / 'out', '--pixel-spacing', 1, '--folds', 2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(': ')[0].split('out/')[1] for line in lines] == [
        'train.json', 'test1.json', 'fold0/train.json', 'fold0/val.json', 'fold1/train.json', 'fold1/val.json'
    ]  # fmt: skip
    assert lines[0].startswith(f'{tmp_path}/out/train.json: 2 images, 38 landmarks labelled, 0 missing, in (')
    with pytest.raises(SystemExit, match='error: --split: expected none, as isbi2015 has official splits'):
        call('convert_labels', 'isbi2015', table, tmp_path / 'no', '--split', 'train=1')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--folds', 1], '--folds: expected 2 folds to 10, .* got 1'),
        (['--folds', 11], '--folds: expected 2 folds to 10, .* got 11'),
        (['--folds', 2, '--split', 'a=0.5,b=0.5'], '--folds: expected a split train to make them of, got a, b'),
        (['--split', 'a=0.01,b=0.99'], '--split: expected at least one frame in each split'),
    ],
)
def test_wrong_options_write_nothing(options, message, tables, call, tmp_path):
    with pytest.raises(SystemExit, match=f'error: {message}'):
        call('convert_labels', 'csv', *tables, tmp_path / 'out', '--pixel-spacing', 0.5, *options)
    assert not (tmp_path / 'out').exists()


def test_wrong_labels(tables, call, tmp_path):
    with pytest.raises(
        SystemExit, match='error: .*junior.csv: row 2: expected a pixel spacing, as the points are in mm'
    ):
        call('convert_labels', 'csv', *tables, tmp_path / 'out')
    with pytest.raises(SystemExit, match='error: .*senior.csv: expected a folder to write to, got a file'):
        call('convert_labels', 'csv', *tables, '--pixel-spacing', 0.5)
    (tmp_path / '4.png').unlink()
    with pytest.raises(SystemExit, match='error: .*junior.csv: row 6: there is no image .*4.png'):
        call('convert_labels', 'csv', *tables, tmp_path / 'out', '--pixel-spacing', 0.5)
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('spacing', ['0', '-0.1', 'nan', 'x'])
def test_wrong_pixel_spacings(spacing, tables, call, tmp_path, capsys):
    with pytest.raises(SystemExit):
        call('convert_labels', 'csv', *tables, tmp_path / 'out', '--pixel-spacing', spacing)
    assert f"expected a pixel spacing in mm per px above 0, got '{spacing}'" in capsys.readouterr().err


def test_one_label_where_a_format_has_one(call, tmp_path, capsys):
    with pytest.raises(SystemExit):
        call('convert_labels', 'deeplabcut', 'a.csv', 'b.csv', tmp_path / 'out')
    assert 'unrecognized arguments' in capsys.readouterr().err
