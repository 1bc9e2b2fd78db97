"""A folder in COCO's layout, whole and broken."""

import json
import shutil
from pathlib import Path

import pytest

from hybridkp.inspection.coco_folder import DETECTIONS, CocoFolder

BUNDLED = Path(__file__).parents[1] / 'data/coco'
NAMES = json.loads((BUNDLED / 'annotations/person_keypoints_val2017.json').read_text())['categories'][0]['keypoints']


@pytest.fixture
def folder(tmp_path):
    """The bundled images as train2017 and as val2017."""
    (tmp_path / 'annotations').mkdir()
    for images in ('train2017', 'val2017'):
        shutil.copytree(BUNDLED / 'val2017', tmp_path / images)
        source = BUNDLED / 'annotations/person_keypoints_val2017.json'
        shutil.copy(source, tmp_path / f'annotations/person_keypoints_{images}.json')
    return CocoFolder(tmp_path, NAMES, samples=5)


def lines(findings):
    return [(finding.level, finding.what) for finding in findings]


def test_a_part_of_coco(folder):
    found = lines(folder.check_annotations())
    assert [level for level, _ in found] == ['warn', 'warn']
    assert found[0][1].endswith('26 images, 79 annotations; COCO has 118287 images')
    assert lines(folder.check_images('val2017')) == [
        ('ok', f'{folder.root}/val2017: 5 of 26 images were decoded and have the annotated size')
    ]


def test_nothing_there(tmp_path):
    folder = CocoFolder(tmp_path / 'nowhere', NAMES)
    assert [level for level, _ in lines(folder.check_annotations())] == ['FAIL', 'FAIL']
    ((level, what),) = lines(folder.check_images('train2017'))
    assert level == 'FAIL' and what.endswith('train2017: there is no such folder')
    assert folder.check_detections().level == 'warn'


def test_files_missing_broken_and_unknown(folder):
    names = sorted(path.name for path in (folder.root / 'val2017').iterdir())
    (folder.root / 'val2017' / names[0]).unlink()
    (folder.root / 'val2017' / names[5]).write_bytes(b'')
    (folder.root / 'val2017' / 'mine.jpg').write_text('a')
    found = lines(folder.check_images('val2017'))
    assert [level for level, _ in found] == ['FAIL', 'FAIL', 'warn']
    assert f'1 of 26 images are not there: {folder.root}/val2017/{names[0]}' in found[0][1]
    assert names[5] in found[1][1] and 'mine.jpg' in found[2][1]


def test_annotations_cut_short(folder):
    path = folder.annotation_file('train2017')
    path.write_text(path.read_text()[:500])
    found = lines(folder.check_annotations())
    assert [level for level, _ in found] == ['FAIL', 'warn'] and 'broken or truncated' in found[0][1]
    assert lines(folder.check_images('train2017'))[0][1].endswith('cannot be checked without its annotations')


def test_detections(folder):
    path = folder.root / DETECTIONS
    path.parent.mkdir()
    path.write_text(json.dumps([dict(image_id=885, category_id=1, bbox=[1, 2, 3, 4], score=0.5)] * 2))
    assert folder.check_detections().what == f'{path}: 2 boxes'
    path.write_text(json.dumps([dict(image_id=1, category_id=1, bbox=[1, 2, 3, 4], score=0.5)]))
    assert folder.check_detections().level == 'FAIL'
