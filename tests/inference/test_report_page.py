"""The page: its parts, and HTML that fetches nothing and breaks at nothing."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hybridkp.inference import report_page as page

NAN = float('nan')
VOID = {'meta', 'img', 'br', 'link', 'input', 'hr'}


class Checker(HTMLParser):
    """Checks that elements are closed in their order, and collects ids and what is referred to."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.references = [], [], []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids += [given['id']] if 'id' in given else []
        self.references += [given[key] for key in ('src', 'href', 'action', 'data', 'srcset') if key in given]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f'</{tag}> closes nothing'


def check(text):
    """Check that a page stands by itself."""
    checker = Checker()
    checker.feed(text)
    assert not checker.open and len(set(checker.ids)) == len(checker.ids)
    assert all(reference.startswith(('data:image/', '#')) for reference in checker.references)
    assert {one[1:] for one in checker.references if one.startswith('#')} <= set(checker.ids)
    assert not re.search(r'<script|<link|@import|url\((?!#)|https?:', text)
    assert "default-src 'none'" in text
    return checker


def build(**more):
    blocks = [
        page.plot('<svg><g></g></svg>', 'what one sees'),
        page.table(['name', 'AP', 'kinds'], [['nose', page.bar(0.5, 1), page.stack(dict(good=75.0, miss=25.0))]]),
        page.facts([('boxes', 'ground truth')]),
        page.cases('worst', [dict(source='data:image/jpeg;base64,AA', width=4, height=3, alt='', name='a', text='b')]),
    ]
    tiles = [page.tile('AP', 0.5, (0.4, 0.7), digits=3, whole=1) | dict(first=True)]
    given = dict(title='a report', lead='of files', warnings=[], tiles=tiles, notes=['a note'])
    return page.render(given | dict(sections=[page.section('one', 'First', blocks, 'text')]) | more)


def test_a_page_stands_by_itself():
    text = build()
    assert check(text).ids == ['one']
    for part in ('prefers-color-scheme: dark', '@media print', 'name="viewport"', 'what one sees', 'ground truth'):
        assert part in text


def test_texts_are_escaped():
    text = build(title='<script>x</script> & "y"', lead='<b>', warnings=['<i>'], notes=[])
    check(text)
    assert '&lt;script&gt;' in text and '<b>' not in text and '<i>' not in text


def test_what_a_page_lacks_is_an_error():
    with pytest.raises(Exception, match='lead'):
        page.render(dict(title='a'))


def test_tiles():
    tile = page.tile('AP', 0.5, (0.4, 0.7), digits=3, whole=1)
    assert (tile['value'], tile['interval']) == ('0.500', '95 %: 0.400\u00a0–\u00a00.700')
    assert tile['range'] == [40, 50, 30]
    assert page.tile('AP', 2.0, (1, 3), whole=2)['range'] == [50, 100, 0]
    undefined = page.tile('AP', NAN, (0.1, 0.2), whole=1)
    assert undefined['value'] == page.NOTHING and not undefined['interval'] and undefined['range'] is None
    assert page.tile('AP', 1.0, (NAN, NAN))['interval'] == ''
    assert page.tile('MRE', 1.234, (1, 2), 'mm')['range'] is None


def test_cells():
    assert page.bar(1.5, 3) == dict(text='1.50', share=0.5)
    assert page.bar(5, 3)['share'] == 1 and page.bar(0, 0)['share'] == 0
    assert page.bar(NAN, 1) == page.stack(dict(good=NAN)) == page.NOTHING
    stacked = page.stack(dict(good=66.666, miss=33.333))
    assert stacked['stack'] == [('good', 66.67), ('miss', 33.33)] and stacked['text'] == 'good 66.7 %, miss 33.3 %'


def test_the_template_is_installed():
    root = Path(__file__).parents[2]
    assert "package_data={'hybridkp.inference': ['templates/*']}" in (root / 'setup.py').read_text()
    assert {path.name for path in (root / 'hybridkp/inference/templates').iterdir()} == {'report.css', 'report.html'}
