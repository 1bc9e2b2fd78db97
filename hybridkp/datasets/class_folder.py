"""Images whose folders are their classes."""

import os
import os.path as osp
from collections.abc import Sequence

from mmpose.registry import DATASETS

from hybridkp.datasets.image_folder import ImageFolder
from hybridkp.errors import InputError

_NAMED = 3
"""How many folders or files a message names."""


@DATASETS.register_module()
class ClassFolder(ImageFolder):
    """Every image below a folder of class folders, as ImageNet has them (``train/n01440764/*.JPEG``), with its class.

    Samples have ``gt_label`` as well, the class' place in the order of the folders' names. What cannot be read is
    treated as `ImageFolder` does it. A class without images is said in the log and keeps its number.

    Args:
        data_root: the folder that the others are relative to.
        folder: the folder of the class folders.
        classes: the folder whose folders are the classes, that of the training images; None for `folder` itself.
        part: see `ImageFolder`; of the whole set, not of each class.
        limit: see there.
        min_side: see there.
        test_mode: see there.
        pipeline: see there.

    Raises:
        FileNotFoundError: there is no such folder.
        InputError: there are fewer than two classes, no images, or images that are in no class.
        ValueError: the part is none.
    """

    def __init__(
        self,
        data_root: str = '',
        folder: str = '',
        classes: str | None = None,
        part: tuple[float, float] = (0.0, 1.0),
        limit: int | None = None,
        min_side: int = 32,
        test_mode: bool = False,
        pipeline: Sequence = (),
    ) -> None:
        super().__init__(data_root, folder, part, limit, min_side=min_side, test_mode=test_mode, pipeline=pipeline)
        self.classes = _folders(self.listing.root if classes is None else osp.join(data_root, classes))
        self._labels = {name: label for label, name in enumerate(self.classes)}
        self._check_places()

    @property
    def metainfo(self) -> dict:
        """What is to be known of all images."""
        return super().metainfo | dict(classes=self.classes)

    def get_data_info(self, index: int) -> dict:
        """Give one sample before the transforms; its class is that of the image that is used."""
        sample = super().get_data_info(index)
        return sample | dict(gt_label=self.label(sample['id']))

    def label(self, place: int) -> int:
        """Give the class of the image at a place of this set."""
        return self._labels[self.listing[int(self.order[place])].split('/', 1)[0]]

    def _check_places(self) -> None:
        """Refuse images that lie in no folder of a class."""
        counts = {folder: count for folder, count in self.listing.counts.items() if folder not in self._labels}
        if any(counts.values()):
            where = [folder or 'beside the folders' for folder, count in counts.items() if count]
            named = ', '.join(where[:_NAMED]) + (', ...' if len(where) > _NAMED else '')
            raise InputError(
                f'{self.listing.root}: expected all images in the folders of the {len(self.classes)} classes, got '
                f'{sum(counts.values())} elsewhere: {named}'
            )


def _folders(root: str) -> tuple[str, ...]:
    """List the folders right in a folder, hidden ones not, by name."""
    if not osp.isdir(root):
        raise FileNotFoundError(f'folder of classes {root} does not exist')
    with os.scandir(root) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith('.'))
    if len(names) < 2:
        raise InputError(f'{root}: expected a folder for each of two classes or more, got {len(names)}')
    return tuple(names)
