"""Converters of checkpoints and of label formats."""
