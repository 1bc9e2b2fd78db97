"""The files that the data sets of a config read."""

import os.path as osp

from hybridkp.datasets.coco_json import read_json
from hybridkp.errors import InputError


def annotation_files(dataset: dict) -> dict[str, dict]:
    """Return the data sets of a config, which may be wrapped, by the paths of their annotation files."""
    parts = dataset.get('datasets') or ([dataset['dataset']] if 'dataset' in dataset else [])
    if parts:
        return {path: part for inner in parts for path, part in annotation_files(inner).items()}
    return {osp.realpath(osp.join(dataset.get('data_root') or '', dataset['ann_file'])): dataset}


def image_files(dataset: dict) -> set[str]:
    """Return the paths of the images of a config's data set, which may be wrapped.

    Raises:
        InputError: if an annotation file holds no COCO annotations.
    """
    found = set()
    for path, part in annotation_files(dataset).items():
        content = read_json(path)
        if not isinstance(content, dict) or not isinstance(content.get('images'), list):
            raise InputError(f'{path}: expected COCO annotations with a list "images"')
        folder = osp.join(part.get('data_root') or '', (part.get('data_prefix') or {}).get('img', ''))
        found |= {osp.realpath(osp.join(folder, image['file_name'])) for image in content['images']}
    return found
