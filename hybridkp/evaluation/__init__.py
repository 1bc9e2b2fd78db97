"""Metrics and what is written of an evaluation."""

from hybridkp.evaluation.result_file import ResultFile

__all__ = ['ResultFile']
