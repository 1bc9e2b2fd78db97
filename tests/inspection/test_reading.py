"""Samples, spread and timed."""

import time

from hybridkp.inspection.reading import read_samples


class Slow:
    """A data set whose first sample takes longer than the others."""

    def __init__(self, length, seconds):
        self.length, self.seconds, self.asked = length, seconds, []

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        time.sleep(self.seconds if self.asked else 20 * self.seconds)
        self.asked.append(i)
        return i


def test_samples_are_spread_and_timed():
    dataset = Slow(10, 0.01)
    reading = read_samples(dataset, 4)
    assert reading.samples == [0, 3, 6, 9] and dataset.asked == [0, 0, 3, 6, 9]
    assert 0.01 <= reading.seconds < 0.15  # without the first one, which takes 0.2
    assert read_samples(Slow(3, 0), 100).samples == [0, 1, 2]
    assert read_samples(Slow(100, 0.02), 100, limit=0.05).samples[-1] < 50
