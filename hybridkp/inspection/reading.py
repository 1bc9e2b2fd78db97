"""Samples of a pipeline, and how fast they come."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Reading(NamedTuple):
    """Samples that a pipeline made, and the seconds that each took on average."""

    samples: list[dict]
    seconds: float


def read_samples(dataset: Sequence[dict], count: int, limit: float = 20.0) -> Reading:
    """Read at most so many samples, evenly over a data set, for at most so many seconds."""
    indices = np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int)
    dataset[int(indices[0])]  # the first one also pays for what is loaded once
    start, samples = time.perf_counter(), []
    for i in indices:
        samples.append(dataset[int(i)])
        if time.perf_counter() - start > limit:
            break
    return Reading(samples, (time.perf_counter() - start) / len(samples))
