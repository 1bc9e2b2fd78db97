"""Plots as SVG within a page: sharp text, the page's colours, nothing that is fetched."""

import io
import re
from xml.etree import ElementTree

PAGE = {
    'ink': '#1b2430',
    'card': '#fdfdfd',
    'grid': '#e6eaef',
    'muted': '#5a6675',
    'first': '#0b6e99',
    'second': '#c2571a',
    'third': '#7557a5',
    'fourth': '#2f7d4f',
    'band': '#d9e4ec',
    'good': '#2f8f5b',
    'jitter': '#e3b23c',
    'inversion': '#7557a6',
    'swap': '#d9772b',
    'miss': '#b93a32',
}
"""The page's colours, which follow its light or dark scheme, by their names; plots are drawn in these."""
_NARROWEST = 0.62
"""A plot is not made smaller than this part of its size, so that its text can be read; it is scrolled instead."""
_DIGITS = re.compile(r'(\d\.\d\d)\d+')
"""A hundredth of a point is as fine as a place has to be."""
_STYLE = {
    'svg.fonttype': 'none',
    'svg.hashsalt': 'hybridkp',
    'font.family': 'sans-serif',
    'font.sans-serif': ['DejaVu Sans'],
    'font.size': 10,
    'text.color': PAGE['ink'],
    'axes.edgecolor': PAGE['muted'],
    'axes.facecolor': 'none',
    'axes.labelcolor': PAGE['ink'],
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.axisbelow': True,
    'grid.color': PAGE['grid'],
    'xtick.color': PAGE['muted'],
    'ytick.color': PAGE['muted'],
    'xtick.labelcolor': PAGE['ink'],
    'ytick.labelcolor': PAGE['ink'],
    'legend.facecolor': PAGE['card'],
    'legend.edgecolor': 'none',
    'legend.framealpha': 0.85,
    'figure.facecolor': 'none',
    'savefig.facecolor': 'none',
}


def page_style():
    """Give the context in which a figure for the page is made and filled."""
    from matplotlib import rc_context

    return rc_context(_STYLE)


def page_figure(size: tuple[float, float]) -> tuple:
    """Give a figure of a size (w, h) in inches and its axes; call within `page_style`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout='constrained')
    axes = figure.add_subplot()
    axes.grid(True)
    return figure, axes


def inline_svg(figure, name: str, label: str, further: dict[str, str] | None = None) -> str:
    """Return a figure as an SVG element to put into a page; call within `page_style`.

    Args:
        figure: matplotlib's.
        name: what the ids within begin with, of its own for each plot of a page.
        label: what is read out in its place.
        further: names of the page's colours by what else is drawn in them, as '#rrggbb'.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format='svg', metadata={'Date': None, 'Creator': None})
    root = ElementTree.fromstring(buffer.getvalue())
    _simplify(root, name)
    width = float(root.get('viewBox').split()[2])
    root.attrib |= {'role': 'img', 'aria-label': label}
    del root.attrib['height'], root.attrib['width']
    root.set('style', f'min-width:{width * _NARROWEST * 4 / 3:.0f}px;max-width:{width * 4 / 3:.0f}px')
    text = ElementTree.tostring(root, encoding='unicode')
    text = text.replace("font-family: 'DejaVu Sans', sans-serif; ", '')
    names = {color: key for key, color in PAGE.items()} | {'#ffffff': 'card', '#000000': 'ink'} | (further or {})
    return re.sub(r'#[0-9a-f]{6}\b', lambda found: f'var(--{names[found[0]]})' if found[0] in names else found[0], text)


def _simplify(element: ElementTree.Element, name: str) -> None:
    """Take namespaces, descriptions and rules for the whole page out, and make the ids a plot's own."""
    element.tag = element.tag.rpartition('}')[2]
    for key, value in list(element.attrib.items()):
        del element.attrib[key]
        key = key.rpartition('}')[2]
        if key == 'id':
            value = f'{name}-{value}'
        elif key == 'href':
            value = value.replace('#', f'#{name}-')
        if key != 'id' or element.tag != 'g':
            element.set(key, _DIGITS.sub(r'\1', value.replace('url(#', f'url(#{name}-')))
    for child in list(element):
        if not isinstance(child.tag, str) or child.tag.rpartition('}')[2] in ('metadata', 'style', 'title'):
            element.remove(child)
        else:
            _simplify(child, name)
