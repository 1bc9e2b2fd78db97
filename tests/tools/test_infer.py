"""Inference as a user runs it: images, folders, videos, boxes, labels, and what is wrong with them."""

import json
import shutil
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

DATA = Path(__file__).parents[1] / 'data'
PHOTOS = DATA / 'coco/val2017'
LABELS = DATA / 'coco/annotations/person_keypoints_val2017.json'
FRAMES = DATA / 'mirror_mouse/labeled-data'
NAMES = '000000000885.jpg', '000000182021.jpg', '000000033368.jpg'


@pytest.fixture
def photos(tmp_path):
    """A folder with three photos, one of them below."""
    (tmp_path / 'photos/below').mkdir(parents=True)
    for name, folder in zip(NAMES, ('', '', 'below'), strict=True):
        shutil.copy(PHOTOS / name, tmp_path / 'photos' / folder)
    return tmp_path / 'photos'


@pytest.fixture
def video(tmp_path):
    """A video of five frames of a mouse."""
    writer = cv2.VideoWriter(str(tmp_path / 'mouse.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 10, (396, 406))
    for path in sorted(FRAMES.glob('img0[0-4].png')):
        writer.write(cv2.imread(str(path)))
    writer.release()
    return tmp_path / 'mouse.mp4'


def entries(folder):
    return json.loads((folder / 'predictions.json').read_text())


def test_a_folder(random_network, call, photos, tmp_path, capsys):
    call('infer', *random_network('detector'), photos, '--out', tmp_path / 'out', '--score-threshold', 0)
    out = capsys.readouterr().out
    assert '3 images, 15 instances, ' in out and f'pictures in {tmp_path / "out"}' in out
    written = sorted(str(path.relative_to(tmp_path / 'out')) for path in (tmp_path / 'out').rglob('*.jpg'))
    assert written == sorted([NAMES[0], NAMES[1], f'below/{NAMES[2]}'])
    found = entries(tmp_path / 'out')
    assert [entry['file_name'] for entry in found[::5]] == [str(photos / name) for name in written]
    assert {entry['image_id'] for entry in found} == {885, 182021, 33368}


def test_the_same_as_the_test(random_network, call, tmp_path, capsys):
    """All bundled photos; the boxes of the file are of people without keypoints, too."""
    config, checkpoint = random_network('people')
    call('test', config, checkpoint, '--work-dir', tmp_path / 'work', '--out', tmp_path / 'test.json')
    options = ('--boxes', LABELS, '--labels', LABELS, '--batch-size', 4, '--no-pictures', '--out', tmp_path)
    call('infer', config, checkpoint, PHOTOS, *options)
    expected, found = json.loads((tmp_path / 'test.json').read_text()), {}
    for entry in entries(tmp_path):
        found[(entry['image_id'], *np.round(entry['bbox'], 2))] = entry
    assert len(expected) == 55 and len(found) == 77
    for entry in expected:
        other = found[(entry['image_id'], *np.round(entry['bbox'], 2))]
        np.testing.assert_allclose(other['keypoints'], entry['keypoints'], atol=1e-3)
        assert other['score'] == pytest.approx(entry['score'], abs=1e-5)
    assert not list(tmp_path.glob('*.jpg'))


def test_a_video_and_its_boxes(random_network, call, video, tmp_path, capsys):
    """What one network writes of a video has boxes that another one takes."""
    first = ('infer', *random_network('mouse'), video, '--out', tmp_path / 'mouse', '--batch-size', 2)
    call(*first)
    assert '5 images, 5 instances' in capsys.readouterr().out
    written = cv2.VideoCapture(str(tmp_path / 'mouse/mouse.mp4'))
    keys = (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    assert [written.get(key) for key in keys] == [5, 10, 396, 406]
    found = entries(tmp_path / 'mouse')
    assert [entry['frame'] for entry in found] == [entry['image_id'] for entry in found] == list(range(5))
    boxes = tmp_path / 'mouse/predictions.json'
    second = ('infer', *random_network('people'), video, '--out', tmp_path / 'people', '--boxes', boxes)
    call(*second, '--score-threshold', 0)
    again = entries(tmp_path / 'people')
    assert [entry['bbox'] for entry in again] == [entry['bbox'] for entry in found]
    assert again[0]['protocol']['boxes'] == str(boxes)


def test_boxes_of_a_detector_are_those_of_its_file(random_network, call, photos, tmp_path):
    common = ('infer', *random_network('people'), photos, '--score-threshold', 0, '--out')
    call(*common, tmp_path / 'a', '--detector', *random_network('detector'))
    call('infer', *random_network('detector'), photos, '--score-threshold', 0, '--out', tmp_path / 'detector')
    call(*common, tmp_path / 'b', '--boxes', tmp_path / 'detector/predictions.json')
    first, second = entries(tmp_path / 'a'), entries(tmp_path / 'b')
    assert len(first) == len(second) == 15
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one['bbox'], other['bbox'], atol=1e-3)
        np.testing.assert_allclose(one['keypoints'], other['keypoints'], atol=0.1)  # the boxes are rounded in the file
    assert first[0]['protocol']['boxes'] == 'detector detector.py detector_0.pth'


def test_the_whole_image_is_said_once(random_network, call, photos, tmp_path, capsys):
    call('infer', *random_network('people'), photos, '--out', tmp_path / 'out')
    assert capsys.readouterr().out.count('the whole image is taken for the box of one person') == 1
    assert len(entries(tmp_path / 'out')) == 3
    call('infer', *random_network('mouse'), FRAMES / 'img00.png', '--out', tmp_path / 'mouse')
    assert 'whole image' not in capsys.readouterr().out


def test_some_images_have_boxes(random_network, call, photos, tmp_path, capsys):
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps([dict(file_name=NAMES[0], bbox=[9, 9, 90, 90], score=0.9)]))
    call('infer', *random_network('people'), photos, '--boxes', path, '--out', tmp_path / 'out')
    assert f'{path} names 1 of 3 images' in capsys.readouterr().out and len(entries(tmp_path / 'out')) == 1
    assert len(list((tmp_path / 'out').rglob('*.jpg'))) == 3


def test_labels_beside(random_network, call, photos, tmp_path, capsys):
    """People side by side or one above the other, a mouse in one picture, and an image of another size."""
    cv2.imwrite(str(photos / NAMES[0]), np.zeros((50, 60, 3), np.uint8))
    call('infer', *random_network('detector'), photos, '--labels', LABELS, '--out', tmp_path / 'out')
    out = capsys.readouterr().out
    assert '3 images' in out and f'skipped 1:\n  {photos / NAMES[0]}: expected 640 x 427 px' in out
    sizes = [cv2.imread(str(tmp_path / 'out' / name)).shape[:2] for name in (NAMES[1], f'below/{NAMES[2]}')]
    assert all(max(size) > 900 for size in sizes)
    labels = DATA / 'mirror_mouse/test.json'
    call('infer', *random_network('mouse'), FRAMES / 'img04.png', '--labels', labels, '--out', tmp_path / 'mouse')
    assert cv2.imread(str(tmp_path / 'mouse/img04.jpg')).shape == (923 + 48, 900, 3)
    assert entries(tmp_path / 'mouse')[0]['image_id'] == 4


def test_broken_files_are_named_and_counted(random_network, call, photos, tmp_path, capsys):
    (photos / 'a.jpg').write_bytes((PHOTOS / NAMES[0]).read_bytes()[:900])
    (photos / 'b.png').write_text('text')
    call('infer', *random_network('mouse'), photos, '--out', tmp_path / 'out')
    out = capsys.readouterr().out
    assert '3 images, 3 instances' in out and 'skipped 2:' in out
    assert f'{photos}/a.jpg: expected a complete image' in out and f'{photos}/b.png: expected an image' in out
    for path in photos.rglob('0*.jpg'):
        path.unlink()
    with pytest.raises(SystemExit, match='error: .*photos: expected at least one image that can be read, got none'):
        call('infer', *random_network('mouse'), photos, '--out', tmp_path / 'none')
    assert not (tmp_path / 'none').exists()


@pytest.mark.parametrize(
    'kind, arguments, message',
    [
        ('mouse', ('nowhere.png',), 'nowhere.png: there is no such image, folder or video'),
        ('mouse', ('{tmp}/empty',), 'empty: expected images .* got none'),
        ('mouse', ('{tmp}/text.jpg',), 'text.jpg: expected an image, got a file that OpenCV cannot decode'),
        ('mouse', (PHOTOS, '--out', PHOTOS / 'out'), 'expected a folder outside of that of the images'),
        ('mouse', (PHOTOS / NAMES[0], '--out', PHOTOS), 'expected a folder without images of yours'),
        ('detector', (PHOTOS, '--boxes', LABELS), 'the network sees whole frames'),
        ('people', (PHOTOS, '--detector', 'first.py'), 'first.py: expected a config and a checkpoint, got one file'),
        ('people', (PHOTOS, '--detector', 'first.py', 'a.pth', 'a.jpg'), 'a.jpg: expected a checkpoint'),
        ('people', (FRAMES, '--boxes', LABELS), 'expected boxes of .*img00.png, got none'),
        ('mouse', (PHOTOS, '--labels', DATA / 'mirror_mouse/test.json'), 'expected labels of .*885.jpg, got none'),
        ('mouse', (PHOTOS, '--score-threshold', 'nan'), '--score-threshold: expected a number'),
        ('people', (PHOTOS, '--boxes', '{tmp}/a.json', '--json', '{tmp}/a.json'), 'a.json: expected another --out or'),
        ('mouse', (PHOTOS, '--batch-size', 0), 'at least one image, got 0'),
        ('mouse', (PHOTOS, '--json', '{tmp}/text.jpg/a.json', '--no-pictures'), 'a.json cannot be written'),
    ],
)
def test_what_is_wrong(kind, arguments, message, random_network, call, tmp_path):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'text.jpg').write_text('text')
    arguments = [str(argument).format(tmp=tmp_path) for argument in arguments]
    with pytest.raises(SystemExit, match=f'error: .*{message}'):
        call('infer', *random_network(kind), '--out', tmp_path / 'out', *arguments)


def test_pattern_without_quotes(random_network, call, tmp_path):
    with pytest.raises(SystemExit, match='expected a checkpoint; several images are a folder or a pattern in quotes'):
        call('infer', *random_network('mouse'), *(PHOTOS / name for name in NAMES), '--out', tmp_path / 'out')


def test_labels_of_a_video(random_network, call, video):
    with pytest.raises(SystemExit, match='expected images to have labels, got the video'):
        call('infer', *random_network('mouse'), video, '--labels', DATA / 'mirror_mouse/test.json')


def test_whoever_stops_it_has_what_was_done(random_network, command, tmp_path):
    """A video of many frames, stopped by Ctrl-C: the video and the file are whole."""
    writer = cv2.VideoWriter(str(tmp_path / 'long.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10, (396, 406))
    image = cv2.imread(str(FRAMES / 'img00.png'))
    for _ in range(3000):
        writer.write(image)
    writer.release()
    started = command('infer.py', *random_network('mouse'), tmp_path / 'long.avi', '--out', tmp_path / 'out')
    end = time.monotonic() + 120
    while not list((tmp_path / 'out').glob('.long*')) and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.5)
    started.send_signal(signal.SIGINT)
    out = started.communicate(timeout=60)[0]
    assert started.returncode == 0, out
    assert 'stopped' in out
    count = len(entries(tmp_path / 'out'))
    written = cv2.VideoCapture(str(tmp_path / 'out/long.mp4'))
    assert 0 < count < 3000 and abs(written.get(cv2.CAP_PROP_FRAME_COUNT) - count) <= 1
    assert written.read()[0] and not list((tmp_path / 'out').glob('.*'))
