"""tools/report.py: from a result file to one page, as a user types it."""

import json
import re
from pathlib import Path

import pytest


@pytest.fixture(scope='module')
def results(trained, call, tmp_path_factory):
    path = tmp_path_factory.mktemp('results') / 'results.json'
    call('test', trained.config, trained.checkpoint, '--work-dir', path.parent, '--out', path)
    entries = json.loads(path.read_text())
    labels = json.loads(Path(entries[0]['protocol']['annotations']).read_text())['annotations']
    labels = {annotation['image_id']: annotation['keypoints'] for annotation in labels}
    for entry in entries:  # two epochs find nobody
        entry['keypoints'] = [value + 2 if i % 3 < 2 else 0.9 for i, value in enumerate(labels[entry['image_id']])]
    path.write_text(json.dumps(entries))
    return path


def test_a_result_file_of_ours_needs_nothing_beside(results, call, tmp_path, capsys):
    """The protocol says which annotations and sigmas, and the images lie beside them."""
    out = tmp_path / 'new/page.html'
    call('report', results, '--out', out, '--count', 2)
    assert capsys.readouterr().out.strip() == str(out)
    text = out.read_text()
    assert '<h1>tiny</h1>' in text and '9 labelled instances' in text and text.count('<img ') == 4
    assert 'paw1LH_top' in text and 'Can the covariances be trusted?' in text and 'class="warning"' not in text
    assert not re.search(r'<script|<link|https?:', text)
    assert not [path for path in out.parent.iterdir() if path != out]


def test_results_of_others_need_annotations_and_a_config(results, trained, call, tmp_path):
    entries = json.loads(results.read_text())
    annotations = entries[0].pop('protocol')['annotations']
    for entry in entries:
        del entry['keypoint_covariances']
    (tmp_path / 'plain.json').write_text(json.dumps(entries))
    with pytest.raises(SystemExit, match=r'plain.json: expected a protocol that names the annotations.*--ann-file'):
        call('report', tmp_path / 'plain.json', '--out', tmp_path / 'page.html')
    with pytest.raises(SystemExit, match=r'plain.json: expected a protocol that says the OKS sigmas.*--skeleton'):
        call('report', tmp_path / 'plain.json', '--ann-file', annotations, '--out', tmp_path / 'page.html')
    assert not (tmp_path / 'page.html').exists()
    more = '--ann-file', annotations, '--skeleton', trained.config, '--out', tmp_path / 'page.html', '--count', 0
    call('report', tmp_path / 'plain.json', *more)
    text = (tmp_path / 'page.html').read_text()
    assert 'does not say how it was made' in text and 'Can the covariances' not in text and '<img ' not in text


def test_bad_input_leaves_an_old_page_as_it_was(results, call, tmp_path):
    page = tmp_path / 'page.html'
    page.write_text('old')
    (tmp_path / 'broken.json').write_text('[{')
    (tmp_path / 'empty.py').write_text('skeletons = 1')
    entries = json.loads(results.read_text())
    entries[4]['keypoints'][0] = float('nan')
    (tmp_path / 'nan.json').write_text(json.dumps(entries))
    for arguments, message in (
        ((tmp_path / 'none.json',), r'none.json: there is no such file'),
        ((tmp_path / 'broken.json',), r'broken.json: expected JSON in UTF-8'),
        ((tmp_path / 'nan.json',), r'nan.json: entry 4: expected 17 .*finite'),
        ((results, '--ann-file', tmp_path / 'none.json'), r'none.json: there is no such file'),
        ((results, '--img-root', tmp_path / 'none'), r'--img-root .*none: there is no such folder'),
        ((results, '--img-root', tmp_path), r'there is no such image file'),
        ((results, '--count', '-1'), r'--count: expected 0 or more, got -1'),
        ((results, '--skeleton', tmp_path / 'none.py'), r'config .*none.py does not exist'),
        ((results, '--skeleton', tmp_path / 'empty.py'), r'config .*empty.py: expected a skeleton'),
    ):
        with pytest.raises(SystemExit, match=message):
            call('report', *arguments, '--out', page)
        assert page.read_text() == 'old'


def test_a_page_that_cannot_be_written(results, call, tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(SystemExit, match=r'page .*page.html cannot be written: (File exists|Not a directory)'):
        call('report', results, '--count', 0, '--out', tmp_path / 'file/page.html')
