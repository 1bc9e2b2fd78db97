"""Images with the class of their folder: numbers of classes, kinds of files, and wrong folders."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.logging import MMLogger
from mmpose.registry import DATASETS
from PIL import Image

from hybridkp.datasets.class_folder import ClassFolder
from hybridkp.errors import InputError


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(MMLogger, 'warning', lambda self, text: lines.append(text))
    return lines


def write(folder, name, size=(40, 48)):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / name), np.full((*size, 3), 100, np.uint8))


def labels(dataset):
    samples = [dataset.get_data_info(index) for index in range(len(dataset))]
    return {Path(sample['img_path']).name: sample['gt_label'] for sample in samples}


def test_the_layout_of_imagenet(mmpose_scope, tmp_path):
    for name in ('train/n02/a.JPEG', 'train/n01/b.JPEG', 'train/n01/deep/c.png', 'train/n03/d.png', 'val/n03/e.JPEG'):
        write(tmp_path, name)
    train, val = (
        DATASETS.build(dict(type='ClassFolder', data_root=str(tmp_path), folder=part, classes='train'))
        for part in ('train', 'val')
    )
    assert labels(train) == {'a.JPEG': 1, 'b.JPEG': 0, 'c.png': 0, 'd.png': 2}
    assert labels(val) == {'e.JPEG': 2}  # as in the training, though it is the only one here
    assert train.metainfo['classes'] == val.metainfo['classes'] == ('n01', 'n02', 'n03')
    sample = train[0]
    assert sample['img'].shape == (40, 48, 3) and sample['img'].dtype == np.uint8


def test_parts_of_one_folder_have_the_same_classes(tmp_path):
    for index in range(20):
        write(tmp_path, f'{"abc"[index % 3]}/{index}.png')
    parts = [ClassFolder(str(tmp_path), part=part) for part in ((0, 0.8), (0.8, 1))]
    assert [len(part) for part in parts] == [16, 4]
    found = labels(parts[0]) | labels(parts[1])
    assert found == {f'{index}.png': index % 3 for index in range(20)}
    assert parts[0].metainfo['classes'] == ('a', 'b', 'c') and len(ClassFolder(str(tmp_path), limit=5)) == 5


def test_kinds_of_files_become_colour(tmp_path):
    image = Image.fromarray(np.full((40, 48, 3), (40, 120, 200), np.uint8))
    (tmp_path / 'a').mkdir()
    write(tmp_path, 'b/plain.png')
    image.convert('L').save(tmp_path / 'a/grey.png')
    image.convert('CMYK').save(tmp_path / 'a/cmyk.jpg', quality=95)
    cv2.imwrite(str(tmp_path / 'a/deep.png'), np.full((40, 48, 3), 120 * 256, np.uint16))
    image.save(tmp_path / 'a/moves.webp', save_all=True, append_images=[image], lossless=True)
    dataset = ClassFolder(str(tmp_path))
    assert labels(dataset) == {'grey.png': 0, 'cmyk.jpg': 0, 'deep.png': 0, 'moves.webp': 0, 'plain.png': 1}
    assert {dataset[index]['img'].shape for index in range(5)} == {(40, 48, 3)}
    assert not dataset.skipped()


def test_a_bad_image_gives_way_to_another_with_its_own_class(tmp_path, said):
    write(tmp_path, 'a/good.png')
    write(tmp_path, 'b/pixel.png', (1, 1))
    (tmp_path / 'b/text.jpg').write_text('no image')
    dataset = ClassFolder(str(tmp_path))
    assert labels(dataset) == {'good.png': 0} and len(dataset) == 3
    assert sorted(Path(path).name for path in dataset.skipped()) == ['pixel.png', 'text.jpg']
    assert len(said) == 2 and said[-1].startswith('skipped image 2: ')


def test_a_class_without_images_is_said_and_keeps_its_number(tmp_path, said):
    for name in ('a/1.png', 'c/2.png'):
        write(tmp_path, name)
    (tmp_path / 'b').mkdir()
    (tmp_path / '.hidden').mkdir()
    dataset = ClassFolder(str(tmp_path))
    assert labels(dataset) == {'1.png': 0, '2.png': 2} and dataset.metainfo['classes'] == ('a', 'b', 'c')
    assert said == [f'{tmp_path}/: 1 folders without an image: b']


@pytest.mark.parametrize(
    ('names', 'settings', 'message'),
    [
        (('a/1.png',), {}, 'expected a folder for each of two classes or more, got 1'),
        (('1.png', '2.png'), {}, 'expected a folder for each of two classes or more, got 0'),
        (('a/1.png', 'b/2.png', '3.png', '4.png'), {}, 'folders of the 2 classes, got 2 elsewhere: beside the folders'),
        (
            ('t/a/1.png', 't/b/2.png', 'v/a/3.png', 'v/c/4.png', 'v/d/5.png', 'v/d/6.png'),
            dict(folder='v', classes='t'),
            'v: expected all images in the folders of the 2 classes, got 3 elsewhere: c, d',
        ),
    ],
)
def test_images_without_a_class_are_refused(tmp_path, names, settings, message):
    for name in names:
        write(tmp_path, name)
    with pytest.raises(InputError, match=message):
        ClassFolder(str(tmp_path), **settings)


def test_nothing_there(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'b').mkdir()
    with pytest.raises(InputError, match='expected images .* got none'):
        ClassFolder(str(tmp_path))
    write(tmp_path, 'a/1.png')
    with pytest.raises(FileNotFoundError, match='folder of classes .*none does not exist'):
        ClassFolder(str(tmp_path), classes='none')
    with pytest.raises(FileNotFoundError, match='image folder .*none does not exist'):
        ClassFolder(str(tmp_path), 'none')
