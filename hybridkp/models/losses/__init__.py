"""Losses: heatmaps and targets to one number."""
