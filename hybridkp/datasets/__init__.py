"""Datasets and transforms, registered in mmpose's registries."""

from hybridkp.datasets.coco_keypoints import CocoKeypoints
from hybridkp.datasets.elastic_deformation import ElasticDeformation
from hybridkp.datasets.frame_region import FrameRegion
from hybridkp.datasets.gamma_noise import GammaNoise
from hybridkp.datasets.keypoint_labels import KeypointLabels
from hybridkp.datasets.mix_readers import MixReaders
from hybridkp.datasets.read_image import ReadImage
from hybridkp.datasets.smooth_downscale import SmoothDownscale

__all__ = [
    'CocoKeypoints',
    'ElasticDeformation',
    'FrameRegion',
    'GammaNoise',
    'KeypointLabels',
    'MixReaders',
    'ReadImage',
    'SmoothDownscale',
]
