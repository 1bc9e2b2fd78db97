"""What a check found, and how to mend it."""

from collections.abc import Iterable
from dataclasses import dataclass

OK, WARN, FAIL = 'ok', 'warn', 'FAIL'
SHOWN = 3
"""How many records a finding names."""


@dataclass(frozen=True)
class Finding:
    """One line of a report.

    Args:
        level: ``'ok'``; ``'warn'`` for what may be meant so; ``'FAIL'`` for what stops a training or spoils its result.
        what: what was found, with the file and the records.
        mend: how to mend it; empty where there is nothing to mend.
    """

    level: str
    what: str
    mend: str = ''

    def __str__(self) -> str:
        line = f'{self.level:<4}  {self.what}'
        return f'{line}  ->  {self.mend}' if self.mend else line


def ok(what: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(OK, what)


def warn(what: str, mend: str) -> Finding:
    """Say that something may be wrong."""
    return Finding(WARN, what, mend)


def fail(what: str, mend: str) -> Finding:
    """Say that something is wrong."""
    return Finding(FAIL, what, mend)


def failed(findings: Iterable[Finding]) -> bool:
    """Say whether one of the findings is a failure."""
    return any(finding.level == FAIL for finding in findings)


def listed(records: Iterable[object]) -> str:
    """Name the first records and count the others."""
    names = [str(record) for record in records]
    rest = len(names) - SHOWN
    return ', '.join(names[:SHOWN]) + (f' and {rest} more' if rest > 0 else '')


def percent(share: float) -> str:
    """Write a share in per cent: one digit, and never 0 for what there is."""
    if 0 < share < 0.0005:
        return 'under 0.1 %'
    return f'{100 * share:.1f} %'
