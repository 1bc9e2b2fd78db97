"""Reading and checking of tables and of what stands in their cells."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from hybridkp.errors import InputError


def read_cells(path: str) -> list[tuple[int, list[str]]]:
    """Read a CSV file in UTF-8: for each row that is not empty its number in the file (from 1) and its cells.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: the file is no table.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: there is no such file')
    try:
        with open(path, newline='', encoding='utf-8-sig') as file:
            return [(number, row) for number, row in enumerate(csv.reader(file), start=1) if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f'{path}: expected a CSV file in UTF-8, got something else ({error})') from error


def read_point(cells: Sequence[str], where: str) -> tuple[float, float] | None:
    """Read a point from its two cells; two empty ones (or two ``nan``) are a point that is not labelled."""
    try:
        x, y = (float(cell) if cell.strip() else math.nan for cell in cells)
    except ValueError as error:
        raise InputError(f'{where}: expected two numbers or nothing, got {list(cells)}') from error
    if math.isnan(x) and math.isnan(y):
        return None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise InputError(f'{where}: expected two finite numbers or nothing, got {list(cells)}')
    return x, y


def read_spacing(cell: str, where: str) -> float:
    """Read a pixel spacing in mm per px, a finite number above 0."""
    try:
        spacing = float(cell)
    except ValueError:
        spacing = math.nan
    if not (math.isfinite(spacing) and spacing > 0):
        raise InputError(f'{where}: expected a pixel spacing in mm per px above 0, got {cell!r}')
    return spacing
