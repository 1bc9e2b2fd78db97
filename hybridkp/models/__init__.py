"""Backbones, necks, heads and estimators."""

from hybridkp.models.backbones.hybrid_net import HybridNet
from hybridkp.models.estimators.keypoint_estimator import KeypointEstimator
from hybridkp.models.heads.gaussian_heatmap_head import GaussianHeatmapHead
from hybridkp.models.necks.feature_pyramid import FeaturePyramid

__all__ = ['FeaturePyramid', 'GaussianHeatmapHead', 'HybridNet', 'KeypointEstimator']
