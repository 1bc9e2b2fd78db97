"""Calibrations: maps of predicted covariances that were fitted after the training."""
