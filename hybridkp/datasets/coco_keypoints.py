"""People with keypoints from a COCO file."""

import os.path as osp
from collections.abc import Mapping, Sequence

import numpy as np
from mmpose.registry import DATASETS

from hybridkp.datasets.coco_json import count_labelled, is_labelled, read_annotations, read_detections
from hybridkp.datasets.coco_set import CocoSet
from hybridkp.datasets.landmark_json import pixel_spacing
from hybridkp.errors import InputError
from hybridkp.ops.boxes import AREA_OF_BOX

PERSON = 1
"""The category of a detected person where the annotation file names no category."""


@DATASETS.register_module()
class CocoKeypoints(CocoSet):
    """One sample per labelled person of a COCO keypoint file, for top-down estimators, for any skeleton.

    Crowds, people without labelled keypoints and boxes that are empty within the image are left out, as in
    mmpose. Images are not looked for when the file is read: the transform that loads them says which one is
    missing. Beside mmpose's keys a sample has ``ann_size``, the image's (h, w) according to the file, and, where the
    file gives them, ``pixel_spacing`` (2,), mm per px along x and y, and ``reader_keypoints`` (R, K, 2) in px with
    ``reader_keypoints_visible`` (R, K), what each of several readers marked.

    Args:
        ann_file: The annotation file, relative to ``data_root``.
        skeleton: What :func:`~hybridkp.datasets.skeleton.skeleton_metainfo` takes.
        data_root: The folder that the other paths are relative to.
        data_prefix: ``img``: the folder, relative to ``data_root``, that file names are relative to.
        bbox_file: A COCO detection result, relative to ``data_root``, whose boxes take the place
            of the annotated ones; in test mode only.
        bbox_score_thr: Detections with a lower score are left out.
        test_mode: Whether samples are measured on rather than trained on.
        pipeline: The transforms.
    """

    def __init__(
        self,
        ann_file: str,
        skeleton: dict,
        data_root: str = '',
        data_prefix: Mapping = dict(img=''),
        bbox_file: str | None = None,
        bbox_score_thr: float = 0.0,
        test_mode: bool = False,
        pipeline: Sequence = (),
    ) -> None:
        if bbox_file and not test_mode:
            raise ValueError('CocoKeypoints: expected test_mode=True with a bbox_file, got test_mode=False')
        self.bbox_file = osp.join(data_root, bbox_file) if bbox_file else None
        self.bbox_score_thr = bbox_score_thr
        super().__init__(ann_file, skeleton, data_root, data_prefix, test_mode, pipeline)

    def load_data_list(self) -> list[dict]:
        """Read the annotations, or the detections in their place."""
        names = list(self._metainfo['keypoint_name2id'])
        coco = read_annotations(self.ann_file, len(names), names)
        self._metainfo['boxes'] = self.bbox_file or 'ground truth'
        if coco.get('categories'):
            self._metainfo['CLASSES'] = coco['categories']
        samples = self._detected(coco) if self.bbox_file else self._annotated(coco)
        spacings = {image['id']: pixel_spacing(image, coco) for image in coco['images']}
        for sample in samples:
            if spacings[sample['img_id']]:
                sample['pixel_spacing'] = np.array(spacings[sample['img_id']])
        if not samples:
            what = (
                f'a detected person with a score of at least {self.bbox_score_thr}'
                if self.bbox_file
                else 'a person with labelled keypoints'
            )
            raise InputError(f'{self.bbox_file or self.ann_file}: expected {what}, got none')
        return samples

    def _annotated(self, coco: dict) -> list[dict]:
        by_image = {image['id']: [] for image in coco['images']}
        for annotation in coco['annotations']:
            if 'bbox' in annotation and is_labelled(annotation):
                by_image[annotation['image_id']].append(annotation)
        samples = (
            self._annotated_person(annotation, image)
            for image in coco['images']
            for annotation in by_image[image['id']]
        )
        return [sample for sample in samples if sample is not None]

    def _annotated_person(self, annotation: dict, image: dict) -> dict | None:
        x, y, width, height = annotation['bbox']
        right, bottom = image['width'] - 1, image['height'] - 1
        bbox = np.array(
            [
                [
                    min(max(x, 0), right),
                    min(max(y, 0), bottom),
                    min(max(x + width, 0), right),
                    min(max(y + height, 0), bottom),
                ]
            ],
            dtype=np.float32,
        )
        points = np.array(annotation['keypoints'], dtype=np.float32).reshape(1, -1, 3)
        if (bbox[0, 2:] <= bbox[0, :2]).any() or points[..., :2].max() <= 0:
            return None
        area = annotation.get('area', max(AREA_OF_BOX * float(np.prod(bbox[0, 2:] - bbox[0, :2])), 1.0))
        return (
            self._located(image)
            | _read_by_several(annotation)
            | dict(
                bbox=bbox,
                bbox_score=np.ones(1, dtype=np.float32),
                keypoints=points[..., :2],
                keypoints_visible=np.minimum(points[..., 2], 1),
                num_keypoints=count_labelled(annotation),
                area=np.array(area, dtype=np.float32),
                iscrowd=annotation.get('iscrowd', 0),
                id=annotation['id'],
                category_id=np.array(annotation['category_id']),
                raw_ann_info=annotation,
            )
        )

    def _detected(self, coco: dict) -> list[dict]:
        images = {image['id']: image for image in coco['images']}
        categories = {category['id'] for category in coco.get('categories') or []} or {PERSON}
        detections = [d for d in read_detections(self.bbox_file, images) if d['category_id'] in categories]
        return [
            self._detected_person(i, detection, images[detection['image_id']])
            for i, detection in enumerate(detections)
            if detection['score'] >= self.bbox_score_thr and min(detection['bbox'][2:]) > 0
        ]

    def _detected_person(self, i: int, detection: dict, image: dict) -> dict:
        x, y, width, height = detection['bbox']
        num_keypoints = self._metainfo['num_keypoints']
        return self._located(image) | dict(
            bbox=np.array([[x, y, x + width, y + height]], dtype=np.float32),
            bbox_score=np.array([detection['score']], dtype=np.float32),
            keypoints=np.zeros((1, num_keypoints, 2), dtype=np.float32),
            keypoints_visible=np.zeros((1, num_keypoints), dtype=np.float32),  # nobody has labelled them
            id=i,
        )


def _read_by_several(annotation: dict) -> dict:
    """Give what each reader marked, where there are several."""
    if not annotation.get('readers'):
        return {}
    points = np.array(list(annotation['readers'].values()), dtype=np.float32)
    points = points.reshape(len(points), -1, 3)
    return dict(reader_keypoints=points[..., :2], reader_keypoints_visible=np.minimum(points[..., 2], 1))
