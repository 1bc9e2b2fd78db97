"""Checks of data, configs and models before a training: each returns findings."""
