"""Codecs between keypoints with covariances and heatmaps, and the sources of target covariances."""

from hybridkp.codecs.anisotropic_heatmap import AnisotropicHeatmap
from hybridkp.codecs.base import KeypointCodec
from hybridkp.codecs.covariance_source import CovarianceSource
from hybridkp.codecs.fixed_covariance import FixedCovariance
from hybridkp.codecs.isotropic_heatmap import IsotropicHeatmap
from hybridkp.codecs.learned_covariance import LearnedCovariance
from hybridkp.codecs.limb_covariance import LimbCovariance
from hybridkp.codecs.published_heatmap import PublishedHeatmap
from hybridkp.codecs.reader_covariance import ReaderCovariance
from hybridkp.codecs.score_map import ScoreMap
from hybridkp.codecs.structure_covariance import StructureCovariance
from hybridkp.codecs.target_context import TargetContext

__all__ = [
    'AnisotropicHeatmap',
    'CovarianceSource',
    'FixedCovariance',
    'IsotropicHeatmap',
    'KeypointCodec',
    'LearnedCovariance',
    'LimbCovariance',
    'PublishedHeatmap',
    'ReaderCovariance',
    'ScoreMap',
    'StructureCovariance',
    'TargetContext',
]
