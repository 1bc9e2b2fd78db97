"""Backbones, necks, heads, losses, preprocessors and estimators."""

from hybridkp.models.backbones.hrnet_small import HRNetSmall
from hybridkp.models.backbones.hybrid_net import HybridNet
from hybridkp.models.backbones.unet import UNet
from hybridkp.models.estimators.keypoint_ensemble import KeypointEnsemble
from hybridkp.models.estimators.keypoint_estimator import KeypointEstimator
from hybridkp.models.heads.gaussian_heatmap_head import GaussianHeatmapHead
from hybridkp.models.heads.likelihood_head import LikelihoodHead
from hybridkp.models.heads.multi_scale_heatmap_head import MultiScaleHeatmapHead
from hybridkp.models.heads.stacked_heatmap_head import StackedHeatmapHead
from hybridkp.models.losses.covariance_likelihood import CovarianceLikelihood
from hybridkp.models.losses.weighted_adaptive_wing import WeightedAdaptiveWing
from hybridkp.models.necks.deconvolutions import Deconvolutions
from hybridkp.models.necks.feature_pyramid import FeaturePyramid
from hybridkp.models.preprocessors.grey_preprocessor import GreyPreprocessor

__all__ = [
    'CovarianceLikelihood',
    'Deconvolutions',
    'FeaturePyramid',
    'GaussianHeatmapHead',
    'GreyPreprocessor',
    'HRNetSmall',
    'HybridNet',
    'KeypointEnsemble',
    'KeypointEstimator',
    'LikelihoodHead',
    'MultiScaleHeatmapHead',
    'StackedHeatmapHead',
    'UNet',
    'WeightedAdaptiveWing',
]
