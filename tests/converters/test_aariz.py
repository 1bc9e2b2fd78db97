import json

import cv2
import numpy as np
import pytest

from hybridkp.converters.aariz import LABELS, LANDMARKS, MACHINES, READERS, read_aariz
from hybridkp.errors import InputError


def landmark(symbol, x, y):
    return dict(symbol=symbol, title='a landmark', value=dict(x=x, y=y))


def every(shift=0):
    return [landmark(symbol, 10 + k + shift, 20 + k) for k, symbol in enumerate(LANDMARKS)]


def write(root, split, reader, name, landmarks):
    folder = root / split / LABELS / READERS[reader]
    folder.mkdir(parents=True, exist_ok=True)
    text = landmarks if isinstance(landmarks, str) else json.dumps(dict(ceph_id=name, landmarks=landmarks))
    (folder / f'{name}.json').write_text(text)


@pytest.fixture
def root(tmp_path):
    """A set of three images by two readers."""
    for split, name in (('train', 'one.png'), ('train', 'two.jpg'), ('test', 'three.png')):
        path = tmp_path / split / 'Cephalograms' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((60, 50), np.uint8))
        write(tmp_path, split, 'senior', path.stem, every())
        write(tmp_path, split, 'junior', path.stem, every(2))
    (tmp_path / MACHINES).write_text(
        'mode,cephalogram_id,pixel_size,machine\nx,one,0.1,a\nx,two,0.125,b\nx,three,0.1,a\n'
    )
    return tmp_path


def test_splits_by_hand(root):
    splits = read_aariz(str(root))
    assert list(splits) == ['train', 'test']
    assert splits['train']['images'] == [
        dict(id=1, file_name='train/Cephalograms/one.png', width=50, height=60, pixel_spacing=0.1),
        dict(id=2, file_name='train/Cephalograms/two.jpg', width=50, height=60, pixel_spacing=0.125),
    ]
    assert splits['test']['images'][0]['file_name'] == 'test/Cephalograms/three.png'
    assert splits['test']['categories'][0]['keypoints'] == LANDMARKS and len(LANDMARKS) == 29
    annotation = splits['train']['annotations'][0]
    assert annotation['keypoints'][:6] == [11, 20, 2, 12, 21, 2]
    assert list(annotation['readers']) == ['senior', 'junior'] and annotation['readers']['junior'][:3] == [12, 20, 2]


def test_missing_landmarks_in_any_order_and_quote(root):
    some = [landmark('N’', 3, 4), landmark('B', -1, -1), landmark('A', 1, 2), landmark('Me', 5, -0.5)]
    write(root, 'test', 'senior', 'three', some)
    values = read_aariz(str(root))['test']['annotations'][0]['readers']['senior']
    marked = {symbol: values[3 * k : 3 * k + 3] for k, symbol in enumerate(LANDMARKS) if values[3 * k + 2]}
    assert marked == {'A': [1, 2, 2], 'N`': [3, 4, 2]}


def test_one_reader_and_images_elsewhere(root, tmp_path):
    for split in ('train', 'test'):
        (root / split / LABELS / READERS['junior']).rename(root / split / 'away')
    alone = read_aariz(str(root))
    assert 'readers' not in alone['train']['annotations'][0]
    (root / 'other').mkdir()
    for split in ('train', 'test'):
        (root / 'other' / split).mkdir()
        (root / split / 'Cephalograms').rename(root / 'other' / split / 'Cephalograms')
    assert read_aariz(str(root), str(root / 'other')) == alone


def test_the_pixel_spacing_is_for_images_that_the_table_lacks(root):
    (root / MACHINES).write_text('cephalogram_id,pixel_size\none.png,0.125\n')
    with pytest.raises(InputError, match='train/Cephalograms/two.jpg: expected its pixel size in cephalogram_mac'):
        read_aariz(str(root))
    images = read_aariz(str(root), pixel_spacing=0.1)['train']['images']
    assert [image.get('pixel_spacing') for image in images] == [0.125, None]
    (root / MACHINES).unlink()
    with pytest.raises(FileNotFoundError, match=f'{MACHINES}: there is no such file'):
        read_aariz(str(root))
    assert read_aariz(str(root), pixel_spacing=0.1)['train']['info'] == dict(pixel_spacing=0.1)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'row 1: expected one column cephalogram_id, got'),
        ('cephalogram_id,size\none,0.1\n', 'row 1: expected one column pixel_size, got'),
        ('cephalogram_id,pixel_size\none,0.1,3\n', 'row 2: expected 2 columns, got 3'),
        ('cephalogram_id,pixel_size\none,0\n', "row 2: expected a pixel spacing in mm per px above 0, got '0'"),
        ('cephalogram_id,pixel_size\none,0.1\none,0.2\n', 'row 3: expected each cephalogram_id once, got one again'),
    ],
)
def test_wrong_tables_are_named(text, message, root):
    (root / MACHINES).write_text(text)
    with pytest.raises(InputError, match=f'{MACHINES}: {message}'):
        read_aariz(str(root))


@pytest.mark.parametrize(
    ('landmarks', 'message'),
    [
        ('{"landmarks": [', 'line 1, column 16: expected JSON, got a broken or truncated file'),
        ('[1]', r'expected a dict with a list "landmarks", got \[1\]'),
        ('{"landmarks": {}}', 'expected a dict with a list "landmarks", got'),
        ([*every(), landmark('XX', 1, 2)], "landmark 29 of the list: expected one of the symbols .*, got 'XX'"),
        ([*every(), landmark('Or', 1, 2)], 'landmark 29 of the list: expected each symbol once, got Or again'),
        ([5], 'landmark 0 of the list: expected a dict with a symbol, got 5'),
        ([dict(symbol='A')], 'landmark A: expected a value with two finite numbers x and y, got None'),
        ([landmark('A', 1, None)], 'landmark A: expected a value with two finite numbers x and y'),
        ([landmark('A', '1', 2)], 'landmark A: expected a value with two finite numbers x and y'),
        ([landmark('A', 1, float('nan'))], 'landmark A: expected a value with two finite numbers x and y'),
        ([landmark('A', float('inf'), 1)], 'landmark A: expected a value with two finite numbers x and y'),
    ],
)
def test_wrong_labels_are_named(landmarks, message, root):
    write(root, 'train', 'junior', 'two', landmarks)
    with pytest.raises(InputError, match=f'Junior Orthodontists/two.json: {message}'):
        read_aariz(str(root))


def test_missing_files_are_named(root, tmp_path):
    with pytest.raises(FileNotFoundError, match='none: expected JSON files in train/Annotations/'):
        read_aariz(str(tmp_path / 'none'), pixel_spacing=0.1)
    (root / 'test' / LABELS / READERS['junior'] / 'three.json').unlink()
    with pytest.raises(InputError, match='Senior Orthodontists/three.json: expected .* with reader junior too'):
        read_aariz(str(root))
    (root / 'train/Cephalograms/two.jpg').unlink()
    with pytest.raises(FileNotFoundError, match='Senior Orthodontists/two.json: there is no image two in'):
        read_aariz(str(root))
