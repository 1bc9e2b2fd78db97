"""Metrics and what is written of an evaluation."""

from hybridkp.evaluation.covariance_calibration import CovarianceCalibration
from hybridkp.evaluation.radial_error import RadialError
from hybridkp.evaluation.result_file import ResultFile

__all__ = ['CovarianceCalibration', 'RadialError', 'ResultFile']
