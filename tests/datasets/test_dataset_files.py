"""Which files the data sets of a config read."""

import json

import pytest

from hybridkp.datasets.dataset_files import annotation_files, image_files
from hybridkp.errors import InputError


@pytest.fixture
def dataset(tmp_path):
    """Makes a data set's config and its file with so many images."""

    def make(name, count):
        images = [dict(id=i, file_name=f'{name}_{i}.jpg') for i in range(count)]
        (tmp_path / f'{name}.json').write_text(json.dumps(dict(images=images)))
        return dict(type='CocoKeypoints', data_root=str(tmp_path), ann_file=f'{name}.json', data_prefix=dict(img='in'))

    return make


def test_wrapped_data_sets_are_found(dataset, tmp_path):
    a, b = dataset('a', 2), dataset('b', 1)
    both = dict(type='RepeatDataset', dataset=dict(type='CombinedDataset', datasets=[a, b]))
    assert annotation_files(both) == {str(tmp_path / 'a.json'): a, str(tmp_path / 'b.json'): b}
    assert image_files(both) == {str(tmp_path / f'in/{name}.jpg') for name in ('a_0', 'a_1', 'b_0')}


def test_a_file_without_images(dataset, tmp_path):
    a = dataset('a', 0)
    assert image_files(a) == set()
    (tmp_path / 'a.json').write_text('[1]')
    with pytest.raises(InputError, match='a.json: expected COCO annotations with a list "images"'):
        image_files(a)
