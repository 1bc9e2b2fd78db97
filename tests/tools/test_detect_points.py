"""tools/detect_points.py: images and folders to pictures and JSON, without a network and with one."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[2]
COCO = ROOT / 'tests/data/coco/val2017'
CONFIG = ROOT / 'configs/points/hybridnet_s_pictures_224.py'


def blobs(path, size=(120, 160)):
    image = np.full((*size, 3), 128, np.uint8)
    for x, y, radius, value in ((40, 40, 6, 250), (110, 70, 9, 10)):
        cv2.circle(image, (x, y), radius, (value,) * 3, -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return path


def test_an_image(call, tmp_path, capsys):
    call('detect_points', blobs(tmp_path / 'a.png'), '--out', tmp_path / 'out', '--threshold', 0.02)
    content = json.loads((tmp_path / 'out/a.json').read_text())
    assert content['image'] == 'a.png' and (content['width'], content['height']) == (160, 120)
    found = {np.sign(point['score']): (point['x'], point['y']) for point in content['points']}
    assert len(content['points']) == 2
    assert found[-1.0] == pytest.approx((40, 40), abs=0.3) and found[1.0] == pytest.approx((110, 70), abs=0.3)
    assert cv2.imread(str(tmp_path / 'out/a.png')).shape == (240, 320, 3)
    assert 'a.png: 2 points' in capsys.readouterr().out


def test_a_real_image(call, tmp_path):
    call('detect_points', COCO / '000000000885.jpg', '--out', tmp_path, '--count', 50, '--no-pictures')
    points = json.loads((tmp_path / '000000000885.json').read_text())['points']
    assert len(points) == 50 and not list(tmp_path.glob('*.png'))
    assert all(point['sigma_major'] >= point['sigma_minor'] > 1 for point in points)


def test_a_folder_skips_what_it_cannot_use_and_names_it(call, tmp_path, capsys):
    for name in ('a.png', 'deep/b.png', 'same.png', 'same.bmp'):
        blobs(tmp_path / 'in' / name)
    (tmp_path / 'in/text.jpg').write_text('no image')
    cv2.imwrite(str(tmp_path / 'in/pixel.png'), np.zeros((1, 1, 3), np.uint8))
    call('detect_points', tmp_path / 'in', '--out', tmp_path / 'out', '--no-pictures')
    written = sorted(path.relative_to(tmp_path / 'out').as_posix() for path in (tmp_path / 'out').rglob('*.json'))
    assert written == ['a.json', 'deep/b.json', 'same.bmp.json', 'same.png.json']
    said = capsys.readouterr().out
    assert 'skipped 2 of 6 images:' in said and 'text.jpg: expected an image' in said
    assert 'pixel.png: expected an image of at least 16 x 16 px, got 1 x 1' in said


def test_kinds_of_files_have_the_same_points(call, odd_images, tmp_path, capsys):
    usable, bad = odd_images(tmp_path / 'in')
    (tmp_path / 'in/n09').mkdir()
    call('detect_points', tmp_path / 'in', '--out', tmp_path / 'out', '--threshold', 0.02, '--no-pictures')
    files = sorted((tmp_path / 'out').glob('*.json'))
    assert len(files) == len(usable)
    for file in files:
        points = json.loads(file.read_text())['points']
        found = {np.sign(point['score']): (point['x'], point['y']) for point in points}
        assert len(points) == 2, file.name
        assert found[-1.0] == pytest.approx((40, 40), abs=0.5) and found[1.0] == pytest.approx((106, 60), abs=0.5)
    said = capsys.readouterr().out
    assert f'skipped {len(bad)} of {len(usable + bad)} images:' in said and all(name in said for name in bad)
    assert '1 folders without an image: n09' in said


def test_large_images_are_shrunk_and_points_come_back(call, tmp_path):
    small = cv2.imread(str(blobs(tmp_path / 'a.png')))
    cv2.imwrite(str(tmp_path / 'b.png'), cv2.resize(small, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST))
    call(
        'detect_points', tmp_path / 'b.png', '--out', tmp_path, '--max-side', 160, '--threshold', 0.02, '--no-pictures'
    )
    points = json.loads((tmp_path / 'b.json').read_text())['points']
    bright = next(point for point in points if point['score'] < 0)
    assert (bright['x'], bright['y']) == pytest.approx((4 * 40.5 - 0.5, 4 * 40.5 - 0.5), abs=1.5)
    assert bright['sigma_minor'] == pytest.approx(4 * 6 / 2**0.5, rel=0.15)


def test_a_network(call, tmp_path):
    from mmengine.config import Config
    from mmengine.registry import DefaultScope
    from mmpose.registry import MODELS

    import hybridkp.plugin  # noqa: F401

    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(Config.fromfile(CONFIG).model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'a.pth')
    network = ('--network', CONFIG, tmp_path / 'a.pth', '--threshold', 0)
    call('detect_points', blobs(tmp_path / 'a.png'), '--out', tmp_path / 'out', '--count', 20, *network)
    points = json.loads((tmp_path / 'out/a.json').read_text())['points']
    assert 0 < len(points) <= 20 and all(0 < point['score'] <= 1 for point in points)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('none.jpg',), 'none.jpg: there is no such image file'),
        (('text.jpg',), 'text.jpg: expected an image, got a file that OpenCV cannot decode'),
        (('empty',), 'expected images .* got none'),
        (('bad',), 'bad: expected images that can be used, got none of 2'),
        (('a.png', '--count', 0), 'expected a count of at least 1'),
        (('a.png', '--scales', 1, 8), r'--scales: expected 2 <= SMALLEST <= LARGEST <= 64, got 1 and 8'),
        (('a.png', '--network', 'none.py', 'none.pth'), 'config none.py does not exist'),
    ],
)
def test_what_cannot_be_done(call, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    blobs(tmp_path / 'a.png')
    (tmp_path / 'text.jpg').write_text('no image')
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'bad').mkdir()
    for name in ('x.jpg', 'y.jpg'):
        (tmp_path / 'bad' / name).write_text('no image')
    with pytest.raises(SystemExit, match=f'error: .*{message}'):
        call('detect_points', *arguments, '--out', 'out')
    assert not (tmp_path / 'out').exists()
