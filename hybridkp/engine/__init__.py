"""Hooks and runner parts that mmengine lacks."""

from hybridkp.engine.atomic_checkpoint_hook import AtomicCheckpointHook
from hybridkp.engine.mixed_precision import MixedPrecision
from hybridkp.engine.progress_bar_hook import ProgressBarHook

__all__ = ['AtomicCheckpointHook', 'MixedPrecision', 'ProgressBarHook']
