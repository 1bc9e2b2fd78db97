"""Plots within a page: well-formed, with ids of their own, in the page's colours."""

import re
from xml.etree import ElementTree

import pytest

from hybridkp.inference.report_svg import PAGE, inline_svg, page_figure, page_style


def drawn(name='one', further=None):
    with page_style():
        figure, axes = page_figure((4, 3))
        axes.plot([0, 1], [0, 1], color=PAGE['first'], marker='o', label='0.12345 and 3.999')
        axes.fill_between([0, 1], [0, 0], [1, 1], color='#123456')
        axes.legend()
        return inline_svg(figure, name, 'a < b', further)


def test_it_is_an_element_without_anything_to_fetch():
    text = drawn()
    root = ElementTree.fromstring(text)
    assert root.tag == 'svg' and root.get('role') == 'img' and root.get('aria-label') == 'a < b'
    assert not re.search(r'http|xmlns|xlink|<style|<metadata|<title|<image', text)
    assert root.get('viewBox') == '0 0 288 216' and 'max-width:384px' in root.get('style')
    assert root.get('width') is None and root.get('height') is None


def test_ids_are_a_plots_own_and_found():
    ids = [set(re.findall(r'\bid="([^"]+)"', drawn(name))) for name in ('one', 'two')]
    assert ids[0] and not ids[0] & ids[1] and all(one.startswith('one-') for one in ids[0])
    used = set(re.findall(r'(?:href="#|url\(#)([\w-]+)', drawn('one')))
    assert used and used <= ids[0]


def test_colours_are_those_of_the_page():
    text = drawn()
    assert 'stroke: var(--first)' in text and PAGE['first'] not in text and '#123456' in text
    assert 'var(--second)' in (text := drawn(further={'#123456': 'second'})) and '#123456' not in text
    assert len(set(PAGE.values())) == len(PAGE)


def test_numbers_in_texts_are_left_alone_and_places_are_rounded():
    text = drawn()
    assert '>0.12345 and 3.999</text>' in text
    assert not any(re.search(r'\.\d{3}', path) for path in re.findall(r' d="([^"]*)"', text))


def test_it_is_the_same_each_time():
    assert drawn() == drawn()


@pytest.mark.parametrize('color', PAGE)
def test_each_colour_is_in_the_pages_style(color):
    from importlib.resources import files

    style = files('hybridkp.inference').joinpath('templates/report.css').read_text()
    assert style.count(f'--{color}:') >= 2
