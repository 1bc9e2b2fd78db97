"""Datasets and transforms, registered in mmpose's registries."""

from hybridkp.datasets.change_view import ChangeView
from hybridkp.datasets.class_folder import ClassFolder
from hybridkp.datasets.coco_closeups import CocoCloseups
from hybridkp.datasets.coco_images import CocoImages
from hybridkp.datasets.coco_keypoints import CocoKeypoints
from hybridkp.datasets.elastic_deformation import ElasticDeformation
from hybridkp.datasets.frame_region import FrameRegion
from hybridkp.datasets.gamma_noise import GammaNoise
from hybridkp.datasets.homography_pairs import HomographyPairs
from hybridkp.datasets.homography_scenes import HomographyScenes
from hybridkp.datasets.image_folder import ImageFolder
from hybridkp.datasets.keypoint_labels import KeypointLabels
from hybridkp.datasets.letterbox import Letterbox
from hybridkp.datasets.mix_readers import MixReaders
from hybridkp.datasets.person_labels import PersonLabels
from hybridkp.datasets.quarter_turn import QuarterTurn
from hybridkp.datasets.read_image import ReadImage
from hybridkp.datasets.resized_crop import ResizedCrop
from hybridkp.datasets.smooth_downscale import SmoothDownscale
from hybridkp.datasets.yolo_images import YoloImages

__all__ = [
    'ChangeView',
    'ClassFolder',
    'CocoCloseups',
    'CocoImages',
    'CocoKeypoints',
    'ElasticDeformation',
    'FrameRegion',
    'GammaNoise',
    'HomographyPairs',
    'HomographyScenes',
    'ImageFolder',
    'KeypointLabels',
    'Letterbox',
    'MixReaders',
    'PersonLabels',
    'QuarterTurn',
    'ReadImage',
    'ResizedCrop',
    'SmoothDownscale',
    'YoloImages',
]
