"""Backbones, necks, heads, losses, preprocessors and estimators."""

from hybridkp.models.backbones.elan_net import ElanNet
from hybridkp.models.backbones.hrnet_small import HRNetSmall
from hybridkp.models.backbones.hybrid_net import HybridNet
from hybridkp.models.backbones.unet import UNet
from hybridkp.models.estimators.interest_point_estimator import InterestPointEstimator
from hybridkp.models.estimators.keypoint_ensemble import KeypointEnsemble
from hybridkp.models.estimators.keypoint_estimator import KeypointEstimator
from hybridkp.models.estimators.single_stage_estimator import SingleStageEstimator
from hybridkp.models.heads.gaussian_heatmap_head import GaussianHeatmapHead
from hybridkp.models.heads.interest_point_head import InterestPointHead
from hybridkp.models.heads.likelihood_head import LikelihoodHead
from hybridkp.models.heads.multi_scale_heatmap_head import MultiScaleHeatmapHead
from hybridkp.models.heads.stacked_heatmap_head import StackedHeatmapHead
from hybridkp.models.heads.yolo_pose_head import YoloPoseHead
from hybridkp.models.losses.anchor_pose_loss import AnchorPoseLoss
from hybridkp.models.losses.covariance_likelihood import CovarianceLikelihood
from hybridkp.models.losses.view_consistency import ViewConsistency
from hybridkp.models.losses.weighted_adaptive_wing import WeightedAdaptiveWing
from hybridkp.models.necks.deconvolutions import Deconvolutions
from hybridkp.models.necks.elan_pyramid import ElanPyramid
from hybridkp.models.necks.feature_pyramid import FeaturePyramid
from hybridkp.models.preprocessors.grey_preprocessor import GreyPreprocessor
from hybridkp.models.teachers.blob_teacher import BlobTeacher

__all__ = [
    'AnchorPoseLoss',
    'BlobTeacher',
    'CovarianceLikelihood',
    'Deconvolutions',
    'ElanNet',
    'ElanPyramid',
    'FeaturePyramid',
    'GaussianHeatmapHead',
    'GreyPreprocessor',
    'HRNetSmall',
    'HybridNet',
    'InterestPointEstimator',
    'InterestPointHead',
    'KeypointEnsemble',
    'KeypointEstimator',
    'LikelihoodHead',
    'MultiScaleHeatmapHead',
    'SingleStageEstimator',
    'StackedHeatmapHead',
    'UNet',
    'ViewConsistency',
    'WeightedAdaptiveWing',
    'YoloPoseHead',
]
