"""Images without labels: kinds of files, bad ones, parts, and workers."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.logging import MMLogger
from mmpose.registry import DATASETS
from PIL import Image
from torch.utils.data import DataLoader

from hybridkp.datasets.image_folder import ImageFolder
from hybridkp.errors import InputError

COCO = Path(__file__).parents[1] / 'data/coco/val2017'


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(MMLogger, 'warning', lambda self, text: lines.append(text))
    return lines


def write(folder, name, size=(40, 48), value=100):
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / name), np.full((*size, 3), value, np.uint8))


def names(dataset):
    return sorted(Path(dataset.get_data_info(i)['img_path']).name for i in range(len(dataset)))


def test_real_images(mmpose_scope):
    dataset = DATASETS.build(dict(type='ImageFolder', data_root=str(COCO.parent), folder='val2017'))
    assert len(dataset) == 26 and len(set(names(dataset))) == 26
    sample = dataset[3]
    assert sample['img'].dtype == np.uint8 and sample['img'].ndim == 3 and sample['id'] == 3
    assert np.array_equal(sample['img'], cv2.imread(sample['img_path']))


def test_parts_divide_the_folder_in_an_order_of_the_seed():
    parts = [ImageFolder(str(COCO), part=part) for part in ((0, 0.8), (0.8, 1))]
    assert [len(part) for part in parts] == [21, 5]
    assert sorted(names(parts[0]) + names(parts[1])) == sorted(path.name for path in COCO.glob('*.jpg'))
    again = ImageFolder(str(COCO), part=(0, 0.8))
    assert [again.path(i) for i in range(21)] == [parts[0].path(i) for i in range(21)]
    assert names(ImageFolder(str(COCO), part=(0, 0.8), seed=1)) != names(parts[0])
    assert len(ImageFolder(str(COCO), limit=7)) == 7


def test_kinds_of_images_become_colour(tmp_path):
    colour = np.zeros((40, 48, 3), np.uint8)
    colour[:, 24:] = (200, 120, 40)  # RGB
    image = Image.fromarray(colour)
    image.convert('L').save(tmp_path / 'grey.png')
    image.convert('CMYK').save(tmp_path / 'cmyk.jpg', quality=95)
    image.convert('RGBA').save(tmp_path / 'alpha.png')
    image.convert('P').save(tmp_path / 'palette.png')
    cv2.imwrite(str(tmp_path / 'deep.png'), (colour[..., ::-1].astype(np.uint16) * 256))
    frames = [image, Image.fromarray(255 - colour)]
    frames[0].save(tmp_path / 'moves.webp', save_all=True, append_images=frames[1:], lossless=True)
    turned, exif = Image.fromarray(colour.transpose(1, 0, 2)[::-1]), Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    turned.save(tmp_path / 'exif.jpg', exif=exif, quality=95)
    dataset = ImageFolder(str(tmp_path))
    samples = [dataset.get_data_info(i) for i in range(len(dataset))]
    images = {Path(sample['img_path']).stem: sample['img'] for sample in samples}
    assert len(images) == 7 and not dataset.skipped()
    for name, found in images.items():
        assert found.shape == (40, 48, 3) and found.dtype == np.uint8
        wanted = np.array([40, 120, 200]) if name != 'grey' else np.full(3, 135)
        limit = 45 if name in ('cmyk', 'palette') else 8
        assert np.abs(found[:, 30:].reshape(-1, 3).mean(axis=0) - wanted).max() < limit, name
        assert found[:, :18].mean() < 20, name


def test_bad_images_are_skipped_counted_and_named(tmp_path, said):
    for i in range(3):
        write(tmp_path, f'good{i}.png')
    write(tmp_path, 'pixel.png', (1, 1))
    write(tmp_path, 'narrow.png', (20, 400))
    (tmp_path / 'text.jpg').write_text('no image')
    (tmp_path / 'empty.jpg').write_bytes(b'')
    write(tmp_path, 'cut.jpg')
    (tmp_path / 'cut.jpg').write_bytes((tmp_path / 'cut.jpg').read_bytes()[:-40])
    dataset = ImageFolder(str(tmp_path))
    assert len(dataset) == 8
    assert set(names(dataset)) == {'good0.png', 'good1.png', 'good2.png'}
    assert sorted(Path(path).name for path in dataset.skipped()) == [
        'cut.jpg',
        'empty.jpg',
        'narrow.png',
        'pixel.png',
        'text.jpg',
    ]
    assert len(said) == 5 and said[-1].startswith('skipped image 5: ')
    assert any('pixel.png: expected an image of at least 32 x 32 px, got 1 x 1' in line for line in said)
    names(dataset)
    assert len(said) == 5  # each once


def test_workers_share_what_is_bad(tmp_path):
    for i in range(5):
        write(tmp_path, f'good{i}.png')
    (tmp_path / 'text.jpg').write_text('no image')
    dataset = ImageFolder(str(tmp_path))
    loader = DataLoader(dataset, batch_size=2, num_workers=2, collate_fn=list)
    assert sum(len(batch) for batch in loader) == 6
    assert [Path(path).name for path in dataset.skipped()] == ['text.jpg']


def test_nothing_can_be_used(tmp_path, said):
    (tmp_path / 'text.jpg').write_text('no image')
    with pytest.raises(InputError, match='expected images that can be used, got none of 1'):
        ImageFolder(str(tmp_path))[0]


def test_empty_folders(tmp_path, said):
    write(tmp_path / 'n01', 'a.png')
    for i in range(7):
        (tmp_path / f'n1{i}').mkdir()
    assert len(ImageFolder(str(tmp_path))) == 1
    assert len(said) == 1 and said[0].endswith(': 7 folders without an image: n10, n11, n12, n13, n14, ...')
    with pytest.raises(InputError, match='got none'):
        ImageFolder(str(tmp_path / 'n10'))
    with pytest.raises(FileNotFoundError, match='does not exist'):
        ImageFolder(str(tmp_path / 'n99'))
    with pytest.raises(InputError, match=r'expected images in the part \(0.9, 0.95\), got none of 1'):
        ImageFolder(str(tmp_path), part=(0.9, 0.95))


@pytest.mark.parametrize('part', [(0.5, 0.5), (-0.1, 1), (0, 1.1)])
def test_bad_parts(part):
    with pytest.raises(ValueError, match='expected a part'):
        ImageFolder(str(COCO), part=part)


def test_of_animated_images_the_first_frame_is_taken(odd_images, tmp_path):
    usable, bad = odd_images(tmp_path)
    dataset = ImageFolder(str(tmp_path))
    images = {
        Path(sample['img_path']).name: sample['img'] for sample in map(dataset.get_data_info, range(len(dataset)))
    }
    assert sorted(images) == usable and sorted(Path(path).name for path in dataset.skipped()) == bad
    for name, image in images.items():
        assert image.shape == (120, 160, 3) and image.dtype == np.uint8, name
        assert np.abs(image[:20].astype(int) - 90).max() < 12, name  # 200 in the second frame
        assert image[40, 40].min() > 230 and image[60, 106].max() < 30, name
