"""Heads: features to losses and predictions."""
