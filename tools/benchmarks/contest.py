"""A contest: the same work done by both sides, in turns."""

import gc
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest
from statistics import median, quantiles

import torch

Run = Callable[[], object]
SHORTEST = 0.1
"""Seconds that one measurement lasts at least; shorter work is repeated within it."""


@dataclass
class Contest:
    """The same work by both sides, and what was measured of it.

    Args:
        title: what the work is.
        ours, theirs: what does it; the names read well after "as fast as".
        items: how many images a run works on, to count images/s; None to count the time of a run.
        pairs: names (ours, theirs) to compare; None for all of them.
        columns: further numbers of the runs: heading -> {name of a run: number}.
        facts: further numbers of the contest: what it is -> number.
        notes: where it is not like for like, and how to read it.
        conclude: what makes further facts of what was measured.
        seconds: a run's seconds in each round; `measure` fills it.
    """

    title: str
    ours: dict[str, Run]
    theirs: dict[str, Run]
    items: int | None = None
    pairs: list[tuple[str, str]] | None = None
    columns: dict[str, dict[str, float]] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    conclude: Callable[['Contest'], dict[str, float]] | None = None
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def turns(self) -> dict[str, Run]:
        """Return the runs in the order in which they take turns: ours, theirs, ours, theirs."""
        turns = zip_longest(self.ours.items(), self.theirs.items())
        return dict(run for pair in turns for run in pair if run is not None)

    def measure(self, repeats: int, device: str) -> None:
        """Warm every run up, then measure all of them once a round."""
        turns = self.turns()
        numbers = {name: _warm_up(run, device) for name, run in turns.items()}
        self.seconds = {name: [] for name in turns}
        gc.collect()
        for _ in range(repeats):
            for name, run in turns.items():
                self.seconds[name].append(_seconds(run, numbers[name], device) / numbers[name])
        self.facts |= self.conclude(self) if self.conclude else {}

    def result(self) -> dict:
        """Return all of it for a JSON file, ratios last."""
        pairs = [(a, b) for a in self.ours for b in self.theirs] if self.pairs is None else self.pairs
        return {
            'title': self.title,
            'unit': 'ms' if self.items is None else 'images/s',
            'runs': {name: self._run(name) for name in [*self.ours, *self.theirs]},
            'facts': self.facts,
            'notes': self.notes,
            'ratios': [{'ours': a, 'theirs': b, **self._ratio(a, b)} for a, b in pairs],
        }

    def _run(self, name: str) -> dict:
        """Return one run's side, spread, and its numbers in the columns."""
        values = [1e3 * s if self.items is None else self.items / s for s in self.seconds[name]]
        columns = {heading: numbers[name] for heading, numbers in self.columns.items() if name in numbers}
        return {'side': 'ours' if name in self.ours else 'theirs', **spread(values), **columns, 'rounds': values}

    def _ratio(self, ours: str, theirs: str) -> dict:
        """Return how many times as fast ours is as theirs, compared within each round."""
        return spread([b / a for a, b in zip(self.seconds[ours], self.seconds[theirs], strict=True)])


def spread(values: list[float]) -> dict[str, float]:
    """Return the median and the quartiles."""
    low, _, high = quantiles(values, n=4, method='inclusive') if len(values) > 1 else values * 3
    return {'median': median(values), 'low': low, 'high': high}


def _warm_up(run: Run, device: str) -> int:
    """Run it until it is warm and return how many times a measurement has to repeat it."""
    total, rounds = 0.0, 0
    while rounds < (3 if device == 'cuda' else 1) or (total < SHORTEST and rounds < 20):
        last = _seconds(run, 1, device)
        total, rounds = total + last, rounds + 1
    return max(1, math.ceil(SHORTEST / last))


def _seconds(run: Run, number: int, device: str) -> float:
    """Return the seconds that a number of runs take, with all the work that they gave to the device."""
    if device == 'cuda':
        torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(number):
        run()
    if device == 'cuda':
        torch.cuda.synchronize()
    return time.perf_counter() - start
