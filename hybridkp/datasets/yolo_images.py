"""Whole images with their people from YOLO's layout."""

from collections.abc import Sequence

from mmpose.registry import DATASETS

from hybridkp.datasets.coco_images import CocoImages
from hybridkp.datasets.yolo_labels import read_yolo


@DATASETS.register_module()
class YoloImages(CocoImages):
    """`CocoImages` of the images in a list, with labels in text files; see `read_yolo` for the layout.

    Each image is opened once when the list is read, for its size. To train more than once, or to compare with numbers
    of COCO's own files, which have the areas, convert: ``tools/convert_labels.py yolo-to-coco``.

    Args:
        ann_file: The list of images, relative to ``data_root``, in the folder that the images are relative to.
        skeleton: What :func:`~hybridkp.datasets.skeleton.skeleton_metainfo` takes.
        data_root: The folder that the list is in.
        classes: The names of the classes.
        unlabelled: Whether people without any labelled keypoint are there, with their boxes.
        keep_empty: Whether images without people are there; to be measured on, all images are.
        test_mode: Whether samples are measured on rather than trained on.
        pipeline: The transforms.
    """

    def __init__(
        self,
        ann_file: str,
        skeleton: dict,
        data_root: str = '',
        classes: Sequence[str] = ('person',),
        unlabelled: bool = True,
        keep_empty: bool = True,
        test_mode: bool = False,
        pipeline: Sequence = (),
    ) -> None:
        self.classes = tuple(classes)
        prefix = dict(img='')
        super().__init__(ann_file, skeleton, data_root, prefix, unlabelled, keep_empty, test_mode, pipeline)

    def _read(self) -> dict:
        return read_yolo(self.ann_file, self._metainfo['num_keypoints'], self.classes)
