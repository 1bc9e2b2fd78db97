"""The data sets that a config names."""

import os.path as osp
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmpose.registry import DATASETS

from hybridkp.datasets.skeleton import skeleton_metainfo

PARTS = ('train', 'val', 'test')


@dataclass(frozen=True)
class DataPart:
    """One annotation file with its images, and what it is for.

    Args:
        uses: of ``'train'``, ``'val'`` and ``'test'``, those that read it.
        settings: the config of the data set, of the first of these uses.
        bbox_files: detection files whose boxes some of them take.
    """

    uses: tuple[str, ...]
    settings: dict
    bbox_files: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What a finding calls it."""
        return ', '.join(self.uses)

    @property
    def ann_file(self) -> str:
        """The path of the annotation file."""
        return osp.join(self.settings.get('data_root') or '', self.settings.get('ann_file') or '')

    @property
    def image_folder(self) -> str:
        """The folder that file names are relative to."""
        prefix = (self.settings.get('data_prefix') or {}).get('img', '')
        return osp.join(self.settings.get('data_root') or '', prefix)

    @property
    def pipeline(self) -> list[dict]:
        """The transforms."""
        return list(self.settings.get('pipeline') or [])

    @property
    def is_coco(self) -> bool:
        """Whether the annotations are COCO's JSON."""
        return self.ann_file.endswith('.json')

    def build(self, lazy: bool = False) -> BaseDataset:
        """Build the data set, on its annotated boxes; a lazy one has read no annotations."""
        changes = dict(bbox_file=None) if self.settings.get('bbox_file') else {}
        return DATASETS.build(dict(self.settings) | changes | (dict(lazy_init=True) if lazy else {}))

    def skeleton(self) -> tuple[list[str], list[tuple[int, int]], np.ndarray]:
        """Give the K names, the flip pairs as numbers, the left one first where the config says it, and sigmas (K,).

        Raises:
            ValueError: if the skeleton is wrong.
        """
        given = self.settings.get('skeleton')
        metainfo = skeleton_metainfo(given) if given else self.build(lazy=True).metainfo
        numbers = metainfo['keypoint_name2id']
        if given:
            pairs = [(numbers[left], numbers[right]) for left, right in given['flip_pairs']]
        else:
            pairs = _pairs(metainfo['flip_indices'])
        return list(numbers), pairs, np.asarray(metainfo['sigmas'], dtype=float)

    def step(self, kind: str) -> dict | None:
        """Give the first transform of a type, or None."""
        return next((step for step in self.pipeline if step.get('type') == kind), None)


def data_parts(cfg: Config) -> list[DataPart]:
    """Give the data sets of a config's loaders; several that read the same annotations and images are one."""
    found = {}
    for use in PARTS:
        for settings in _unwrapped(cfg[f'{use}_dataloader'].get('dataset') or {}):
            part = DataPart((use,), settings)
            boxes = settings.get('bbox_file')
            paths = (osp.join(settings.get('data_root') or '', boxes),) if boxes else ()
            place = tuple(map(osp.realpath, (part.ann_file, part.image_folder)))
            if place in found:
                first = found[place]
                uses = tuple(dict.fromkeys((*first.uses, use)))
                found[place] = DataPart(uses, first.settings, tuple(dict.fromkeys(first.bbox_files + paths)))
            else:
                found[place] = DataPart((use,), settings, paths)
    return list(found.values())


def _pairs(flip_indices: Sequence[int]) -> list[tuple[int, int]]:
    return [(i, other) for i, other in enumerate(flip_indices) if i < other]


def _unwrapped(settings: dict) -> Iterator[dict]:
    """Give the data sets within one that may repeat or join others."""
    inner = settings.get('datasets') or ([settings['dataset']] if 'dataset' in settings else [])
    if not inner:
        yield settings
    for part in inner:
        yield from _unwrapped(part)
