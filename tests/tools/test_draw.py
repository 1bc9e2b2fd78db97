"""tools/draw.py: from a result file to pictures."""

import json

import cv2
import pytest


@pytest.fixture(scope='module')
def results(trained, call, tmp_path_factory):
    path = tmp_path_factory.mktemp('results') / 'results.json'
    call('test', trained.config, trained.checkpoint, '--work-dir', path.parent, '--out', path)
    return path


def test_pictures_of_all_or_of_some_images(trained, results, call, tmp_path, capsys):
    call('draw', trained.config, results, tmp_path / 'all', '--zoom', 1, '--score', 0)
    assert len(list((tmp_path / 'all').glob('*.png'))) == 9
    call('draw', trained.config, results, tmp_path / 'some', '--count', 3)
    pictures = sorted((tmp_path / 'some').glob('*.png'))
    assert len(pictures) == 3
    assert all(str(picture) in capsys.readouterr().out for picture in pictures[:1])
    assert cv2.imread(str(pictures[0])).shape == (406 * 2 + 48, 396 * 2, 3)
    assert not (cv2.imread(str(tmp_path / 'all' / pictures[0].name))[:406] == 0).all()


def test_bad_result_files(trained, results, call, tmp_path):
    with pytest.raises(SystemExit, match=r'error: result file .*none.json does not exist'):
        call('draw', trained.config, tmp_path / 'none.json', tmp_path / 'out')
    (tmp_path / 'broken.json').write_text('[{')
    with pytest.raises(SystemExit, match=r'broken.json: broken JSON'):
        call('draw', trained.config, tmp_path / 'broken.json', tmp_path / 'out')
    entries = json.loads(results.read_text())
    del entries[4]['keypoint_covariances']
    (tmp_path / 'plain.json').write_text(json.dumps(entries))
    with pytest.raises(SystemExit, match=r'plain.json: entry 4: keypoint_covariances .* expected \(17, 3\)'):
        call('draw', trained.config, tmp_path / 'plain.json', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_predictions_without_labels_of_their_image_are_left_alone(trained, results, call, tmp_path):
    entries = json.loads(results.read_text())
    (tmp_path / 'twice.json').write_text(json.dumps([*entries[1:], entries[1], entries[1] | dict(image_id=12345)]))
    call('draw', trained.config, tmp_path / 'twice.json', tmp_path / 'out', '--zoom', 1)
    assert len(list((tmp_path / 'out').glob('*.png'))) == 9
