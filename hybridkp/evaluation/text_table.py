"""Tables for the log and for CSV files."""

import csv
import io
from collections.abc import Sequence

import numpy as np
from mmengine.fileio import get_file_backend

Row = Sequence[str | int | float]


def aligned(table: Sequence[Row], forms: Sequence[str] | None = None) -> str:
    """Lay a table out as text: the first column to the left, all others to the right, undefined numbers as '-'.

    Args:
        table: the rows, the first of them what the columns are.
        forms: the columns' formats of floating point numbers, '.2f' by default.
    """
    forms = forms or ['.2f'] * len(table[0])
    cells = [[_cell(value, form, '-') for value, form in zip(row, forms, strict=True)] for row in table]
    first, *others = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return '\n'.join(
        '  '.join([row[0].ljust(first), *(text.rjust(width) for text, width in zip(row[1:], others, strict=True))])
        for row in cells
    )


def write_csv(table: Sequence[Row], path: str) -> None:
    """Write a table as a CSV file, whole or not at all, with six digits and undefined numbers as empty cells."""
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows([_cell(value, '.6g', '') for value in row] for row in table)
    get_file_backend(backend_args=dict(backend='atomic')).put_text(text.getvalue(), path)


def _cell(value: str | int | float, form: str, undefined: str) -> str:
    if not isinstance(value, float):
        return str(value)
    return format(value, form) if np.isfinite(value) else undefined
