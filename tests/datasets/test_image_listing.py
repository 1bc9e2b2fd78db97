"""Listing images: order, layouts, memory, and folders without any."""

import pickle
import sys

import pytest

from hybridkp.datasets.image_listing import ImageListing
from hybridkp.errors import InputError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b'')
    return str(root)


def test_a_flat_folder(tmp_path):
    listing = ImageListing(touch(tmp_path, 'b.jpg', 'a.PNG', 'c.JPEG', 'notes.txt', '.hidden.jpg', 'd.webp'))
    assert list(listing) == ['a.PNG', 'b.jpg', 'c.JPEG', 'd.webp'] and len(listing) == 4 and listing.empty == []


def test_the_layout_of_imagenet(tmp_path):
    names = [f'n0{wnid}/n0{wnid}_{i}.JPEG' for wnid in (1440764, 1443537) for i in (10, 2)]
    listing = ImageListing(touch(tmp_path, *names, 'n09/readme.md', '.cache/x.jpg'))
    assert list(listing) == sorted(names) and listing.empty == ['n09']


def test_folders_within_folders_and_odd_names(tmp_path):
    names = ['a/b/c/d.jpg', 'a/e.jpg', 'ä ö/日本.png', 'x.jpg']
    assert sorted(ImageListing(touch(tmp_path, *names))) == sorted(names)
    (tmp_path / 'linked').symlink_to(tmp_path / 'a')
    assert 'linked/e.jpg' in list(ImageListing(str(tmp_path)))


def test_a_folder_that_is_named_like_an_image(tmp_path):
    assert list(ImageListing(touch(tmp_path, 'a.jpg', 'b.jpg/c.jpg'))) == ['a.jpg', 'b.jpg/c.jpg']


def test_a_name_costs_its_bytes(tmp_path):
    names = [f'n{i % 7:08d}/n{i % 7:08d}_{i}.JPEG' for i in range(2000)]
    listing = ImageListing(touch(tmp_path, *names))
    assert len(pickle.dumps(listing)) < 2000 * 40
    assert listing[1999] == max(names) and sys.getsizeof(listing._bytes) < 2000 * 40
    with pytest.raises(IndexError, match='from 0 to 1999, got 2000'):
        listing[2000]


def test_no_folder_and_no_image(tmp_path):
    with pytest.raises(FileNotFoundError, match='image folder .*none does not exist'):
        ImageListing(str(tmp_path / 'none'))
    with pytest.raises(InputError, match=r'expected images \(.bmp, .* got none'):
        ImageListing(touch(tmp_path, 'n01/readme.txt'))
    (tmp_path / 'file.jpg').write_bytes(b'')
    with pytest.raises(FileNotFoundError, match='does not exist'):
        ImageListing(str(tmp_path / 'file.jpg'))
