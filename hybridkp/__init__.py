"""Keypoints with covariances: a plugin for MMPose."""

__version__ = '0.1.0'
