import cv2
import numpy as np
import pytest

from hybridkp.converters.isbi2015 import LANDMARKS, read_folder, read_isbi2015
from hybridkp.errors import InputError

HEADER = 'image,' + ','.join(f'{name}_x_mm,{name}_y_mm' for name in LANDMARKS)
CLASSES = '1\n2\n3\n4\n5\n6\n7\n8\n'


def points(shift=0):
    return ''.join(f'{100 + k + shift},{200 + 2 * k}\n' for k in range(19))


def draw(path, size=(1935, 2400)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros(size[::-1], np.uint8))


@pytest.fixture
def challenge(tmp_path):
    """The challenge's folders with an image of train and one of test1; returns the readers' folders."""
    folders = [tmp_path / 'AnnotationsByMD' / name for name in ('400_junior', '400_senior')]
    for shift, folder in enumerate(folders):
        folder.mkdir(parents=True)
        for number in ('001', '151'):
            (folder / f'{number}.txt').write_text(points(2 * shift) + CLASSES)
    draw(tmp_path / 'RawImage/TrainingData/001.bmp')
    draw(tmp_path / 'RawImage/Test1Data/151.bmp')
    return [str(folder) for folder in folders]


def test_the_challenges_own_files(challenge):
    splits = read_isbi2015(challenge)
    assert list(splits) == ['train', 'test1']
    train, test = splits.values()
    assert train['images'] == [dict(id=1, file_name='RawImage/TrainingData/001.bmp', width=1935, height=2400)]
    assert test['images'] == [dict(id=2, file_name='RawImage/Test1Data/151.bmp', width=1935, height=2400)]
    assert train['info'] == test['info'] == dict(pixel_spacing=0.1)
    assert test['categories'][0]['keypoints'] == LANDMARKS and len(LANDMARKS) == 19
    (annotation,) = test['annotations']
    assert annotation['keypoints'][:6] == [101, 200, 2, 102, 202, 2]
    assert annotation['readers']['junior'][-3:] == [118, 236, 2]
    assert annotation['readers']['senior'][-3:] == [120, 236, 2]


def test_images_that_were_resized_and_lie_in_one_folder(challenge, tmp_path):
    for name in ('001.jpg', '151.PNG'):
        draw(tmp_path / 'small' / name, (774, 961))
    splits = read_isbi2015(challenge[:1], str(tmp_path / 'small'), 0.25)
    assert [coco['images'][0]['file_name'] for coco in splits.values()] == ['001.jpg', '151.PNG']
    assert splits['train']['info'] == dict(pixel_spacing=0.25)
    assert splits['train']['annotations'][0]['keypoints'][:3] == pytest.approx([40, 80, 2])
    with pytest.raises(InputError, match='small/001.jpg: expected 1935 x 2400 px at 0.1 mm per px, got 774 x 961'):
        read_isbi2015(challenge, str(tmp_path / 'small'))


def test_a_table_in_mm_is_the_same_as_the_files(challenge, tmp_path):
    table = tmp_path / 'AnnotationsByMD' / 'junior.csv'
    cells = ','.join(f'{(100 + k) / 10},{(200 + 2 * k) / 10}' for k in range(19))
    table.write_text(f'{HEADER}\n001.jpg,{cells}\n151.jpg,{cells}\n')
    by_file, by_table = read_isbi2015(challenge[:1]), read_isbi2015([str(table)])
    for split in ('train', 'test1'):
        assert by_table[split]['images'] == by_file[split]['images']
        given, right = (coco[split]['annotations'][0]['keypoints'] for coco in (by_table, by_file))
        assert given == pytest.approx(right)
    table.write_text('image,S_x_mm,S_y_mm\n001.jpg,1,2\n')
    with pytest.raises(InputError, match="junior.csv: row 1: expected 19 landmarks with 'N' as number 2, got 1"):
        read_isbi2015([str(table)])


def test_the_second_test_set_may_lack_all_its_images_but_not_one(challenge, tmp_path):
    for folder in challenge:
        for number in (301, 302):
            (tmp_path / folder / f'{number}.txt').write_text(points() + CLASSES)
    assert list(read_isbi2015(challenge)) == ['train', 'test1']
    draw(tmp_path / 'RawImage/Test2Data/302.bmp')
    with pytest.raises(FileNotFoundError, match='400_junior/301.txt: there is no image 301 in'):
        read_isbi2015(challenge)
    draw(tmp_path / 'RawImage/Test2Data/301.bmp')
    assert len(read_isbi2015(challenge)['test2']['images']) == 2


def test_other_missing_files(challenge, tmp_path):
    (tmp_path / 'RawImage/Test1Data/151.bmp').unlink()
    with pytest.raises(FileNotFoundError, match='400_junior/151.txt: there is no image 151 in'):
        read_isbi2015(challenge)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='empty: expected files 001.txt to 400.txt, got none'):
        read_folder(str(tmp_path / 'empty'))
    with pytest.raises(FileNotFoundError, match='gone: there is no such file'):
        read_isbi2015([str(tmp_path / 'gone')])
    (tmp_path / 'empty' / '301.txt').write_text(points())
    with pytest.raises(FileNotFoundError, match='expected images 001 to 400, got none of the test2'):
        read_isbi2015([str(tmp_path / 'empty')], str(tmp_path))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (points()[:-8] + CLASSES, "line 19: expected x,y of landmark Ar, got '1'"),
        (points()[:-8], 'expected 19 lines x,y, got 18'),
        (points() + '1,2\n', "line 20: expected a class number after 19 points, got '1,2'"),
        ('1,2,3\n' + points()[8:], "line 1: expected x,y of landmark S, got '1,2,3'"),
        ('1,x\n' + points()[8:], 'line 1: landmark S: expected two numbers or nothing'),
        ('inf,2\n' + points()[8:], 'line 1: landmark S: expected two finite numbers or nothing'),
        ('1,\n' + points()[8:], 'line 1: landmark S: expected two finite numbers or nothing'),
    ],
)
def test_wrong_files_are_named(text, message, challenge, tmp_path):
    (tmp_path / 'AnnotationsByMD/400_senior/151.txt').write_text(text)
    with pytest.raises(InputError, match=f'400_senior/151.txt: {message}'):
        read_isbi2015(challenge)


def test_wrong_images_are_named(challenge, tmp_path):
    (tmp_path / 'AnnotationsByMD/400_senior/notes.txt').write_text(points())
    with pytest.raises(InputError, match='400_senior/notes.txt: expected an image 001 to 400, got notes'):
        read_isbi2015(challenge)
    (tmp_path / 'AnnotationsByMD/400_senior/notes.txt').unlink()
    (tmp_path / 'AnnotationsByMD/400_senior/151.txt').unlink()
    with pytest.raises(InputError, match='400_junior/151.txt: expected .*151.bmp with reader senior too, got no row'):
        read_isbi2015(challenge)
    draw(tmp_path / 'RawImage/TrainingData/001.png')
    with pytest.raises(InputError, match='001.txt: expected one image 001 in .*, got .*001.bmp, .*001.png'):
        read_isbi2015(challenge)
