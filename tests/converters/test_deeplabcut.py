import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from hybridkp.converters.deeplabcut import read_deeplabcut, read_table
from hybridkp.engine.launch import run_tool
from hybridkp.errors import InputError

ROOT = Path(__file__).parents[2]
MOUSE = ROOT / 'tests' / 'data' / 'mirror_mouse'
HEAD = 'scorer,me,me,me,me\nbodyparts,nose,nose,tail,tail\ncoords,x,y,x,y\n'
HEAD3 = 'scorer,,,me,me,me,me\nbodyparts,,,nose,nose,tail,tail\ncoords,,,x,y,x,y\n'


def load_tool():
    spec = importlib.util.spec_from_file_location('convert_labels', ROOT / 'tools' / 'convert_labels.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path):
    """A project of three frames of 40 x 30; returns a function that writes the table."""
    folder = tmp_path / 'labeled-data' / 'film'
    folder.mkdir(parents=True)
    for i in range(3):
        cv2.imwrite(str(folder / f'{i}.png'), np.zeros((30, 40, 3), np.uint8))

    def write(text):
        path = folder / 'CollectedData.csv'
        path.write_text(text)
        return str(path)

    return write


def test_two_frames_by_hand(project):
    coco = read_deeplabcut(
        project(HEAD + 'labeled-data/film/0.png,1.5,2,11.5,22\n' + 'labeled-data\\film\\1.png,,,7,8.25\n')
    )
    assert [image['file_name'] for image in coco['images']] == [
        'labeled-data/film/0.png',
        'labeled-data/film/1.png',
    ]
    assert coco['images'][0] == dict(id=1, file_name='labeled-data/film/0.png', width=40, height=30)
    assert coco['categories'][0]['keypoints'] == ['nose', 'tail']
    first, second = coco['annotations']
    assert first['keypoints'] == [1.5, 2, 2, 11.5, 22, 2] and first['num_keypoints'] == 2
    assert first['area'] == 10 * 20 and first['bbox'] == [0, 0, 40, 30]
    assert second['keypoints'] == [0, 0, 0, 7, 8.25, 2] and second['num_keypoints'] == 1
    assert second['area'] == 1 and (second['id'], second['image_id']) == (2, 2)


def test_three_index_columns(project):
    text = HEAD3 + 'labeled-data,film,0.png,1,2,3,4\nlabeled-data,film,2.png,,,,\n'
    names, rows = read_table(project(text))
    assert names == ['nose', 'tail']
    assert rows == [
        (4, 'labeled-data/film/0.png', [(1, 2), (3, 4)]),
        (5, 'labeled-data/film/2.png', [None, None]),
    ]
    assert [a['num_keypoints'] for a in read_deeplabcut(project(text))['annotations']] == [2, 0]


def test_the_pixel_spacing_is_that_of_the_whole_set(project):
    path = project(HEAD + 'labeled-data/film/0.png,1,2,3,4\n')
    assert 'info' not in read_deeplabcut(path)
    assert read_deeplabcut(path, pixel_spacing=0.5) == read_deeplabcut(path) | dict(info=dict(pixel_spacing=0.5))


def test_an_image_root_of_its_own(project, tmp_path):
    text = HEAD + 'film/0.png,1,2,3,4\n'
    assert read_deeplabcut(project(text))['images'][0]['file_name'] == 'film/0.png'
    other = tmp_path / 'elsewhere.csv'
    other.write_text(text)
    with pytest.raises(FileNotFoundError, match='film/0.png is in no folder above the labels; name the image root'):
        read_deeplabcut(str(other))
    assert read_deeplabcut(str(other), str(tmp_path / 'labeled-data'))['images'][0]['width'] == 40


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'expected header rows that start with scorer, bodyparts, coords'),
        ('a,b\n1,2\n', 'expected header rows'),
        (
            'scorer,m\nindividuals,i\nbodyparts,n\ncoords,x\n',
            'expected the labels of one animal, got a multi-animal table',
        ),
        ('scorer,,m,m\nbodyparts,,n,n\ncoords,,x,y\n', 'row 3: expected the first "x" in column 2 or 4'),
        ('scorer,m,m\nbodyparts,n,t\ncoords,x,y\n', 'rows 2 and 3: expected the columns x and y for each'),
        ('scorer,m,m,m,m\nbodyparts,n,n,n,n\ncoords,x,y,x,y\n', 'row 2: expected body parts that differ'),
        (HEAD, 'expected frames after the header, got none'),
        (HEAD + 'labeled-data/film/0.png,1,2,3\n', 'row 4: expected 5 columns, got 4'),
        (HEAD + 'labeled-data/film/0.png,1,2,3,x\n', 'row 4: keypoint tail: expected two numbers or nothing'),
        (
            HEAD + 'labeled-data/film/0.png,1,,3,4\n',
            'row 4: keypoint nose: expected two finite numbers or nothing',
        ),
        (HEAD + 'labeled-data/film/0.png,1,inf,3,4\n', 'row 4: keypoint nose: expected two finite numbers'),
        (
            HEAD + '\nf/0.png,1,2,3,4\nf/0.png,1,2,3,4\n',
            'row 6: expected each frame once, got f/0.png again after row 5',
        ),
        (HEAD + 'labeled-data/film/CollectedData.csv,1,2,3,4\n', 'row 4: expected an image'),
    ],
)
def test_wrong_tables_are_named(project, text, message):
    with pytest.raises(InputError, match=f'CollectedData.csv: {message}'):
        read_deeplabcut(project(text))


def test_missing_files_are_named(project):
    with pytest.raises(FileNotFoundError, match='none.csv: there is no such file'):
        read_deeplabcut('none.csv')
    text = HEAD + 'labeled-data/film/0.png,1,2,3,4\nlabeled-data/film/9.png,1,2,3,4\n'
    with pytest.raises(FileNotFoundError, match='row 5: there is no image .*film/9.png'):
        read_deeplabcut(project(text))


def test_the_bundled_labels_are_what_the_tool_writes(tmp_path):
    arguments = ['deeplabcut', str(MOUSE / 'CollectedData.csv'), str(tmp_path), '--seed', '42']
    load_tool().main([*arguments, '--split', 'train=0.8,val=0.1,test=0.1'])
    for name, count in (('train', 72), ('val', 9), ('test', 9)):
        written = (tmp_path / f'{name}.json').read_text()
        assert written == (MOUSE / f'{name}.json').read_text()
        images = json.loads(written)['images']
        assert len(images) == count
        assert all((MOUSE / image['file_name']).is_file() for image in images)


def test_the_tool_writes_one_file_without_splits_and_leaves_nothing_on_failure(project, tmp_path, capsys):
    tool, out = load_tool(), tmp_path / 'out'
    good = HEAD + 'labeled-data/film/0.png,1,2,3,4\n'
    tool.main(['deeplabcut', project(good), str(out)])
    assert 'all.json: 1 images' in capsys.readouterr().out
    before = (out / 'all.json').read_text()
    with pytest.raises(SystemExit, match='error: .*CollectedData.csv: row 4: expected 5 columns'):
        run_tool(tool.main, ['deeplabcut', project(good[:-3] + '\n'), str(out)])
    with pytest.raises(SystemExit, match='error: --split: expected at least one frame in each split'):
        run_tool(tool.main, ['deeplabcut', project(good), str(out), '--split', 'a=0.5,b=0.5'])
    assert (out / 'all.json').read_text() == before and [path.name for path in out.iterdir()] == ['all.json']


@pytest.mark.parametrize('split', ['train', 'train=x', 'a=0.5,a=0.5', '../a=1'])
def test_the_tool_refuses_wrong_splits(split, capsys):
    with pytest.raises(SystemExit):
        load_tool().parse_args(['deeplabcut', 'a.csv', 'out', '--split', split])
    assert 'expected' in capsys.readouterr().err
