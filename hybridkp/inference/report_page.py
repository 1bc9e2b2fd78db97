"""The page of a report: what it is put together from, and its HTML, which needs nothing but itself.

A page is a dict: ``title``, ``lead`` (a sentence), ``warnings``, ``tiles``, ``sections`` and ``notes``. The functions
here make its parts; the template says how they look.
"""

import math
from collections.abc import Sequence
from functools import cache

NOTHING = '–'
"""What stands for a number that is not defined."""


@cache
def _template():
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader('hybridkp.inference', 'templates')
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True).get_template(
        'report.html'
    )


def render(page: dict) -> str:
    """Return the HTML of a page."""
    return _template().render(page)


def number(value: float, digits: int = 2) -> str:
    """Write a number with so many digits after the point."""
    return f'{value:.{digits}f}' if math.isfinite(value) else NOTHING


def tile(
    name: str,
    value: float,
    interval: tuple[float, float] | None = None,
    unit: str = '',
    digits: int = 2,
    note: str = '',
    whole: float | None = None,
) -> dict:
    """Make a number that the page begins with.

    Args:
        name: of the number.
        value: the number.
        interval: the ends of its 95 % interval.
        unit: of the number.
        digits: after the point.
        note: what else is to be said.
        whole: the greatest value that there is; with it the interval is drawn as well.
    """
    known = interval is not None and all(map(math.isfinite, interval)) and math.isfinite(value)
    made = dict(name=name, value=number(value, digits), unit=unit, note=note, interval='', range=None, first=False)
    if known:
        made['interval'] = f'95 %: {number(interval[0], digits)}\u00a0–\u00a0{number(interval[1], digits)}'
        if whole:
            low, middle, high = (100 * min(max(end / whole, 0), 1) for end in (interval[0], value, interval[1]))
            made['range'] = [round(low, 1), round(middle, 1), round(100 - high, 1)]
    return made


def plot(svg: str, text: str, wide: bool = False) -> dict:
    """Make a plot from an SVG element of ours and a sentence that says what one sees."""
    return dict(kind='plot', svg=svg, text=text, wide=wide)


def table(
    head: Sequence[str], rows: Sequence[Sequence], text: str = '', total: bool = False, legend: Sequence = ()
) -> dict:
    """Make a table of texts, of `bar` and of `stack`.

    Args:
        head: what the columns are.
        rows: the first cell of each is its name.
        text: what is said below.
        total: whether the last row stands for all others.
        legend: (kind, text) for each colour of a `stack`.
    """
    return dict(kind='table', head=head, rows=rows, text=text, total=total, legend=legend)


def bar(value: float, whole: float, digits: int = 2) -> dict | str:
    """Make a cell with a number and a bar of its part of a whole."""
    if not math.isfinite(value):
        return NOTHING
    return dict(text=number(value, digits), share=round(min(max(value / whole, 0), 1), 3) if whole else 0)


def stack(shares: dict[str, float]) -> dict | str:
    """Make a cell with shares of one, in per cent, as a bar of several colours, which are named as the shares are."""
    if not all(map(math.isfinite, shares.values())):
        return NOTHING
    text = ', '.join(f'{kind} {share:.1f} %' for kind, share in shares.items())
    return dict(stack=[(kind, round(share, 2)) for kind, share in shares.items()], text=text)


def facts(rows: Sequence[tuple[str, str]]) -> dict:
    """Make a small table of names and what they are."""
    return dict(kind='facts', rows=rows)


def cases(title: str, pictures: Sequence[dict], large: bool = False) -> dict:
    """Make rows of pictures, dicts with ``source``, ``width``, ``height``, ``alt``, ``name`` and ``text``."""
    return dict(kind='cases', title=title, cases=pictures, large=large)


def section(name: str, title: str, blocks: Sequence[dict], text: str = '') -> dict:
    """Make a section of blocks, with an id for links to it and a text before them."""
    return dict(id=name, title=title, blocks=blocks, text=text)
