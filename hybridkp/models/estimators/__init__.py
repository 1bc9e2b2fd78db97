"""Estimators: images and samples to losses and predictions in image pixels."""
