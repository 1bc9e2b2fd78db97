"""What data sets of COCO keypoint files have in common."""

import os.path as osp
from collections.abc import Mapping, Sequence
from copy import deepcopy

from mmengine.dataset import BaseDataset

from hybridkp.datasets.skeleton import skeleton_metainfo

PIPELINE_KEYS = (
    'dataset_name',
    'upper_body_ids',
    'lower_body_ids',
    'flip_pairs',
    'dataset_keypoint_weights',
    'flip_indices',
    'skeleton_links',
)


class CocoSet(BaseDataset):
    """A data set of keypoints of any skeleton, whose samples have the meta information that transforms need.

    Args:
        ann_file: The annotation file, relative to ``data_root``.
        skeleton: What :func:`~hybridkp.datasets.skeleton.skeleton_metainfo` takes.
        data_root: The folder that the other paths are relative to.
        data_prefix: ``img``: the folder, relative to ``data_root``, that file names are relative to.
        test_mode: Whether samples are measured on rather than trained on.
        pipeline: The transforms.

    Raises:
        ValueError: the prefix or the skeleton is wrong.
    """

    def __init__(
        self,
        ann_file: str,
        skeleton: dict,
        data_root: str = '',
        data_prefix: Mapping = dict(img=''),
        test_mode: bool = False,
        pipeline: Sequence = (),
    ) -> None:
        if set(data_prefix) != {'img'}:
            raise ValueError(f'{type(self).__name__}: expected data_prefix=dict(img=...), got {dict(data_prefix)}')
        super().__init__(
            ann_file=ann_file,
            metainfo=skeleton_metainfo(skeleton),
            data_root=data_root,
            data_prefix=dict(data_prefix),
            test_mode=test_mode,
            pipeline=pipeline,
        )

    @classmethod
    def _load_metainfo(cls, metainfo: dict) -> dict:
        """Take the meta information as it is (the base class takes strings for names of files)."""
        return metainfo

    def get_data_info(self, idx: int) -> dict:
        """Give one sample together with the meta information that transforms need."""
        return super().get_data_info(idx) | deepcopy({key: self._metainfo[key] for key in PIPELINE_KEYS})

    def _located(self, image: dict) -> dict:
        """Say which image a sample is of."""
        return dict(
            img_id=image['id'],
            img_path=osp.join(self.data_prefix['img'], image['file_name']),
            ann_size=(image['height'], image['width']),
        )
