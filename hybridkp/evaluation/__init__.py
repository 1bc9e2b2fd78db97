"""Metrics and what is written of an evaluation."""

from hybridkp.evaluation.coco_average_precision import CocoAveragePrecision
from hybridkp.evaluation.covariance_calibration import CovarianceCalibration
from hybridkp.evaluation.homography_accuracy import HomographyAccuracy
from hybridkp.evaluation.landmark_file import LandmarkFile
from hybridkp.evaluation.measure_file import MeasureFile
from hybridkp.evaluation.point_repeatability import PointRepeatability
from hybridkp.evaluation.radial_error import RadialError
from hybridkp.evaluation.result_file import ResultFile

__all__ = [
    'CocoAveragePrecision',
    'CovarianceCalibration',
    'HomographyAccuracy',
    'LandmarkFile',
    'MeasureFile',
    'PointRepeatability',
    'RadialError',
    'ResultFile',
]
