"""Datasets and transforms, registered in mmpose's registries."""

from hybridkp.datasets.coco_keypoints import CocoKeypoints
from hybridkp.datasets.keypoint_labels import KeypointLabels
from hybridkp.datasets.read_image import ReadImage

__all__ = ['CocoKeypoints', 'KeypointLabels', 'ReadImage']
