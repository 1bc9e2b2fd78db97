"""Hooks and runner parts that mmengine lacks."""

from hybridkp.engine.atomic_checkpoint_hook import AtomicCheckpointHook
from hybridkp.engine.class_count_hook import ClassCountHook
from hybridkp.engine.mixed_precision import MixedPrecision
from hybridkp.engine.nominal_batch import NominalBatch
from hybridkp.engine.nominal_schedule_hook import NominalScheduleHook
from hybridkp.engine.progress_bar_hook import ProgressBarHook
from hybridkp.engine.ramped_average import RampedAverage
from hybridkp.engine.step_average_hook import StepAverageHook

__all__ = [
    'AtomicCheckpointHook',
    'ClassCountHook',
    'MixedPrecision',
    'NominalBatch',
    'NominalScheduleHook',
    'ProgressBarHook',
    'RampedAverage',
    'StepAverageHook',
]
