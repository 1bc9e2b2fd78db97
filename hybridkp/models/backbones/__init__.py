"""Backbones: images to feature maps of several strides."""
