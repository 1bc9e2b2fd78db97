"""Necks: feature maps of several strides to what a head takes."""
