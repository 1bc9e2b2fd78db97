"""The report: one page of either kind, which stands by itself and says what makes it doubtful."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from hybridkp.inference.report import make_report
from hybridkp.inference.report_source import ReportSource

SHIFTS = np.random.default_rng(0).normal(0, 3, (6, 3, 2))


def stands_by_itself(text):
    assert text.startswith('<!doctype html>') and text.rstrip().endswith('</html>')
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|url\(#)([\w-]+)', text)) <= set(ids)
    assert not re.search(r'<script|<link|@import|https?:|xmlns', text)
    assert not re.search(r'(?:src|href)="(?!data:image/jpeg|#)', text)
    assert 'nan' not in re.sub(r'base64,[^"]+', '', text).lower().replace('finance', '')


def test_a_page_about_people(people):
    text = make_report(people(beside=4.0), 2)
    stands_by_itself(text)
    assert '<h1>people_256x192</h1>' in text and text.count('<img ') == 4 and text.count('<svg ') == 5
    for title in ('How these numbers came about', 'Keypoint by keypoint', 'Can the covariances be trusted?'):
        assert f'<h2>{title}</h2>' in text
    assert 'class="warning"' not in text and 'left_shoulder' in text and 'OKS sigmas' in text


def test_a_page_about_landmarks(heads):
    text = make_report(heads(SHIFTS, readers=dict(junior=1.0, senior=0.0)), 1)
    stands_by_itself(text)
    assert '<h1>found.json</h1>' in text and text.count('<img ') == 2 and text.count('<svg ') == 5
    assert 'Mean radial error (MRE)' in text and '(OKS)' not in text and 'mm per px' in text
    assert 'does not say how it was made' in text


def test_it_is_the_same_each_time(heads):
    assert make_report(heads(SHIFTS), 1) == make_report(heads(SHIFTS), 1)


@pytest.fixture
def stamped(people):
    """Change the protocol of a result file."""

    def run(ann_file=None, **changes):
        source = people()
        entries = json.loads(Path(source.path).read_text())
        entries[0]['protocol'] |= changes
        Path(source.path).write_text(json.dumps(entries))
        return ReportSource(source.path, ann_file or source.ann_file, None, None)

    return run


def test_annotations_that_are_not_those_of_the_protocol(stamped):
    text = make_report(stamped(annotations_sha256='0' * 64), 0)
    assert re.search(r'The annotations here, .*val2017.json, are not the file', text)


def test_missing_predictions_are_seen(stamped):
    assert 'The protocol says 60 predicted instances, the file has 55.' in make_report(stamped(instances=60), 0)


def test_what_a_file_says_is_text(stamped):
    text = make_report(stamped(config='<img src=x>.py', boxes='<script>'), 0)
    stands_by_itself(text)
    assert '&lt;script&gt;' in text


def test_a_page_without_images_says_so(heads):
    text = make_report(heads(SHIFTS, images=False), 5)
    assert '<img ' not in text and 'not found; --img-root says where they are' in text


def test_pixel_sizes(heads):
    assert re.search(r'mm per px</th><td>0.5<', make_report(heads(SHIFTS), 0))
    assert re.search(r'mm per px</th><td>0.5 x 0.25<', make_report(heads(SHIFTS, spacing=[0.5, 0.25]), 0))
