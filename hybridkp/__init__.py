"""Keypoints with covariances: a plugin for MMPose."""

import importlib

__version__ = '0.1.0'


def __getattr__(name: str) -> object:
    """Give `KeypointInferencer`, imported when it is asked for: it takes torch and mmpose with it."""
    if name == 'KeypointInferencer':
        return importlib.import_module('hybridkp.inference.keypoint_inferencer').KeypointInferencer
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
