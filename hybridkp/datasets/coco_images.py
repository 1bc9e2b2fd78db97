"""Whole images with their people from a COCO file."""

from collections.abc import Mapping, Sequence

import numpy as np
from mmpose.registry import DATASETS

from hybridkp.datasets.coco_json import is_labelled, read_annotations
from hybridkp.datasets.coco_set import CocoSet
from hybridkp.errors import InputError
from hybridkp.ops.boxes import AREA_OF_BOX


@DATASETS.register_module()
class CocoImages(CocoSet):
    """One sample an image of a COCO keypoint file, with all of its people, for single-stage detectors.

    Unlike mmpose's ``CocoDataset`` it takes any skeleton, checks every record, keeps COCO's visibility flags, and has
    images without people. Crowds are left out. A sample has ``bbox`` (N, 4) as left, top, right, bottom, cut at the
    image's border, ``bbox_score`` (N,), ``keypoints`` (N, K, 2), ``keypoints_visible`` (N, K) with 0, 1 or 2, ``area``
    (N,) and ``category_id`` (N,), the index of the category among those of the file in the order of their ids, which
    are ``category_ids`` of the meta information, as ``classes`` are their names; all in px of the image. To be measured
    on, it has ``raw_ann_info``, all annotations of the image as they are in the file.

    Transforms of several images find the data set under ``dataset``. As mmpose's cannot do with nobody, an image to
    train on without people has one with an empty box, whom `PersonLabels` leaves out.

    Args:
        ann_file: The annotation file, relative to ``data_root``.
        skeleton: What :func:`~hybridkp.datasets.skeleton.skeleton_metainfo` takes.
        data_root: The folder that the other paths are relative to.
        data_prefix: ``img``: the folder, relative to ``data_root``, that file names are relative to.
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
        data_prefix: Mapping = dict(img=''),
        unlabelled: bool = True,
        keep_empty: bool = True,
        test_mode: bool = False,
        pipeline: Sequence = (),
    ) -> None:
        self.unlabelled, self.keep_empty = unlabelled, keep_empty
        super().__init__(ann_file, skeleton, data_root, data_prefix, test_mode, pipeline)

    def load_data_list(self) -> list[dict]:
        """Read the annotations and put them together by image."""
        coco = self._read()
        self._metainfo['boxes'] = 'none: the network finds its own'
        by_image = {image['id']: [] for image in coco['images']}
        for annotation in coco['annotations']:
            by_image[annotation['image_id']].append(annotation)
        classes = self._number_classes(coco)
        samples = [self._sample(image, by_image[image['id']], classes) for image in coco['images']]
        samples = [sample for sample in samples if sample is not None]
        if not samples:
            raise InputError(f'{self.ann_file}: expected images{"" if self.keep_empty else " with people"}, got none')
        return samples

    def _read(self) -> dict:
        """Read and check what the samples are made of: COCO annotations."""
        names = list(self._metainfo['keypoint_name2id'])
        return read_annotations(self.ann_file, len(names), names)

    def _number_classes(self, coco: dict) -> dict[int, int]:
        """Give the index of each category, and say in the meta information which they are."""
        listed = coco.get('categories') or []
        if listed:
            self._metainfo['CLASSES'] = listed
        names = {annotation['category_id']: str(annotation['category_id']) for annotation in coco['annotations']}
        names |= {category['id']: str(category.get('name', category['id'])) for category in listed}
        ids = sorted(names)
        self._metainfo.update(category_ids=ids, classes=tuple(names[category] for category in ids))
        return {category: i for i, category in enumerate(ids)}

    def prepare_data(self, idx: int) -> dict | None:
        """Run the transforms on a sample."""
        return self.pipeline(self.get_data_info(idx) | dict(dataset=self))

    def _sample(self, image: dict, annotations: list[dict], classes: Mapping[int, int]) -> dict | None:
        """Make the sample of an image, or None if nobody is in it and it is to be left out."""
        people = [person for person in annotations if self._counts(person)]
        boxes = np.array([person['bbox'] for person in people], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        boxes = boxes.clip(0, np.float32([image['width'], image['height']] * 2))
        keep = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        people, boxes = [person for person, there in zip(people, keep, strict=True) if there], boxes[keep]
        if not people and not self.keep_empty and not self.test_mode:
            return None
        sample = self._located(image) | dict(id=[person['id'] for person in people])
        if self.test_mode:
            sample['raw_ann_info'] = annotations
        return sample | self._arrays(people, boxes, classes)

    def _counts(self, annotation: dict) -> bool:
        if annotation.get('iscrowd', 0) or 'bbox' not in annotation:
            return False
        return self.unlabelled or is_labelled(annotation)

    def _arrays(self, people: list[dict], boxes: np.ndarray, classes: Mapping[int, int]) -> dict[str, np.ndarray]:
        """Make arrays of people's labels; of nobody's, to train on, those of one who is not there."""
        count = self._metainfo['num_keypoints']
        if not people and not self.test_mode:
            nobody = dict(area=0.0, category_id=min(classes, default=0))
            people, boxes, classes = [nobody], np.zeros((1, 4), np.float32), {nobody['category_id']: 0}
        unlabelled = [0] * 3 * count
        triples = np.array([person.get('keypoints', unlabelled) for person in people], np.float32).reshape(-1, count, 3)
        sides = boxes[:, 2:] - boxes[:, :2]
        areas = [person.get('area', AREA_OF_BOX * side.prod()) for person, side in zip(people, sides, strict=True)]
        return dict(
            bbox=boxes,
            bbox_score=np.ones(len(people), np.float32),
            keypoints=np.ascontiguousarray(triples[..., :2]),
            keypoints_visible=np.ascontiguousarray(triples[..., 2]),
            area=np.array(areas, np.float32),
            category_id=np.array([classes[person['category_id']] for person in people], np.int64),
        )
