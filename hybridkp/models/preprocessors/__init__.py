"""Preprocessors: images as they are read to what a network takes."""
