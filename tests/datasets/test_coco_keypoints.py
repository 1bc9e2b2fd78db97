import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmpose.registry import DATASETS

from hybridkp import stack
from hybridkp.datasets import CocoKeypoints
from hybridkp.errors import InputError

ROOT = Path(__file__).parents[2]
COCO = str(ROOT / 'tests' / 'data' / 'coco')
ANN_FILE = 'annotations/person_keypoints_val2017.json'
SKELETON = Config.fromfile(ROOT / 'configs' / '_base_' / 'skeletons' / 'coco17.py').skeleton
SETTINGS = dict(ann_file=ANN_FILE, data_root=COCO, data_prefix=dict(img='val2017/'))
PAIR = dict(name='pair', keypoints=['a', 'b'], flip_pairs=[], links=[], sigmas=[0.1, 0.1])


def dataset(**changes):
    return DATASETS.build(dict(type='CocoKeypoints', skeleton=SKELETON) | SETTINGS | changes)


def mmpose_dataset(**changes):
    stack.mend()
    import mmpose
    import mmpose.datasets

    # a file of that name in the working directory would be taken for mmpose's own
    meta = Path(mmpose.__file__).parent / '.mim' / 'configs' / '_base_' / 'datasets' / 'coco.py'
    return DATASETS.build(dict(type='CocoDataset', metainfo=dict(from_file=str(meta))) | SETTINGS | changes)


def assert_equal_samples(ours, theirs, ignored):
    assert len(ours) == len(theirs) > 0
    for i in range(len(ours)):
        mine, other = ours.get_data_info(i), theirs.get_data_info(i)
        for key in set(other) - {'dataset_name', 'dataset_keypoint_weights'} - ignored:
            np.testing.assert_equal(mine[key], other[key], err_msg=key)
            assert getattr(mine[key], 'dtype', None) == getattr(other[key], 'dtype', None), key


def test_same_samples_as_mmpose():
    theirs = mmpose_dataset(test_mode=True)
    ours = dataset(test_mode=True)
    assert_equal_samples(ours, theirs, {'segmentation'})
    assert ours.metainfo['CLASSES'] == theirs.metainfo['CLASSES']


def test_same_detections_as_mmpose(tmp_path):
    ids = [image['id'] for image in json.loads(Path(COCO, ANN_FILE).read_text())['images']]
    detections = [
        dict(image_id=ids[i % 5], category_id=1 + (i % 4 == 3), bbox=[i, 2 * i, 30.5, 40], score=i / 20)
        for i in range(20)
    ]
    path = tmp_path / 'detections.json'
    path.write_text(json.dumps(detections))
    boxes = dict(bbox_file=str(path), test_mode=True)
    theirs = mmpose_dataset(**boxes, filter_cfg=dict(bbox_score_thr=0.3))
    ours = dataset(**boxes, bbox_score_thr=0.3)
    assert_equal_samples(ours, theirs, {'img_shape', 'keypoints_visible'})
    assert not ours.get_data_info(0)['keypoints_visible'].any()  # theirs are visible, at (0, 0)
    assert ours.metainfo['boxes'] == str(path)
    assert ours.get_data_info(0)['id'] == 5 and ours.get_data_info(0)['img_id'] == ids[1]


def test_the_bundled_images():
    coco = dataset()
    assert len(coco) == 55
    assert coco.metainfo['boxes'] == 'ground truth'
    assert coco.metainfo['CLASSES'][0]['name'] == 'person'
    assert {Path(coco.get_data_info(i)['img_path']).is_file() for i in range(55)} == {True}
    assert len({coco.get_data_info(i)['img_id'] for i in range(55)}) == 26


@pytest.fixture
def written(tmp_path):
    def write(**changes):
        person = dict(
            id=5,
            image_id=1,
            category_id=1,
            bbox=[-2, 3, 10, 40],
            keypoints=[4, 5, 2, 0, 0, 0],
            num_keypoints=1,
        )
        images = [dict(id=1, file_name='a.jpg', width=40, height=30)]
        content = dict(images=images, annotations=[person | changes])
        (tmp_path / 'a.json').write_text(json.dumps(content))
        return dict(ann_file='a.json', data_root=str(tmp_path), data_prefix=dict(img='img'), skeleton=PAIR)

    return write


def test_one_person_by_hand(written, tmp_path):
    sample = CocoKeypoints(**written()).get_data_info(0)
    # x -2..8 becomes 0..8, y 3..43 becomes 3..29; the area is 0.53 of 8 x 26
    assert sample['bbox'].tolist() == [[0, 3, 8, 29]]
    assert sample['area'] == np.float32(0.53 * 8 * 26)
    assert sample['keypoints'].tolist() == [[[4, 5], [0, 0]]]
    assert sample['keypoints_visible'].tolist() == [[1, 0]]
    assert sample['ann_size'] == (30, 40)
    assert sample['img_path'] == str(tmp_path / 'img' / 'a.jpg')
    assert sample['flip_indices'] == [0, 1]


@pytest.mark.parametrize(
    'changes', [dict(iscrowd=1), dict(num_keypoints=0), dict(bbox=[50, 3, 5, 5]), dict(keypoints=[0] * 6)]
)
def test_nobody_left_is_an_error(written, changes):
    with pytest.raises(InputError, match='a.json: expected a person with labelled keypoints, got none'):
        CocoKeypoints(**written(**changes))


def test_no_detection_left_is_an_error(written, tmp_path):
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps([dict(image_id=1, category_id=1, bbox=[1, 1, 0, 5], score=0.9)]))
    with pytest.raises(InputError, match='boxes.json: expected a detected person with a score of at least 0.5'):
        CocoKeypoints(**written(), bbox_file='boxes.json', bbox_score_thr=0.5, test_mode=True)


def test_wrong_arguments(written):
    with pytest.raises(ValueError, match='expected test_mode=True with a bbox_file'):
        CocoKeypoints(**written(), bbox_file='b.json')
    with pytest.raises(ValueError, match='data_prefix'):
        CocoKeypoints(**written() | dict(data_prefix=dict(img_path='')))
    with pytest.raises(InputError, match='annotation 5: expected 2 keypoints .* got 1'):
        CocoKeypoints(**written(keypoints=[1, 1, 1]))
    with pytest.raises(FileNotFoundError, match='gone.json'):
        CocoKeypoints(**written() | dict(ann_file='gone.json'))


def test_samples_do_not_share_memory():
    coco = dataset()
    coco.get_data_info(0)['dataset_keypoint_weights'][:] = 0
    coco.get_data_info(0)['keypoints'][:] = 0
    assert coco.get_data_info(0)['dataset_keypoint_weights'].min() == 1
    assert coco.get_data_info(0)['keypoints'].max() > 0


def test_pixel_spacing_of_the_image_wins_over_that_of_the_set(tmp_path):
    images = [dict(id=i, file_name=f'{i}.png', width=20, height=10) for i in range(3)]
    images[1]['pixel_spacing'], images[2]['pixel_spacing'] = 0.5, [0.25, 0.3]
    point = dict(category_id=1, bbox=[0, 0, 20, 10], keypoints=[1, 2, 2, 3, 4, 2])
    annotations = [dict(point, id=i, image_id=i) for i in range(3)]
    path = tmp_path / 'pairs.json'
    settings = dict(type='CocoKeypoints', ann_file=str(path), skeleton=PAIR)
    for info, first in ((dict(pixel_spacing=0.1), [0.1, 0.1]), ({}, None)):
        path.write_text(json.dumps(dict(info=info, images=images, annotations=annotations)))
        found = [DATASETS.build(settings).get_data_info(i).get('pixel_spacing') for i in range(3)]
        assert [None if spacing is None else spacing.tolist() for spacing in found] == [first, [0.5, 0.5], [0.25, 0.3]]


def test_points_of_several_readers(tmp_path):
    image = dict(id=1, file_name='1.png', width=20, height=10)
    readers = dict(junior=[0, 1, 2, 0, 0, 0], senior=[2, 3, 2, 3, 4, 2])
    annotation = dict(id=1, image_id=1, category_id=1, bbox=[0, 0, 20, 10], keypoints=[1, 2, 2, 3, 4, 2])
    path = tmp_path / 'pairs.json'
    for more, count in ((dict(readers=readers), 2), ({}, None)):
        path.write_text(json.dumps(dict(images=[image], annotations=[annotation | more])))
        sample = DATASETS.build(dict(type='CocoKeypoints', ann_file=str(path), skeleton=PAIR)).get_data_info(0)
        assert ('reader_keypoints' in sample) == bool(count)
        assert sample['keypoints'].tolist() == [[[1, 2], [3, 4]]]
        if count:
            assert sample['reader_keypoints'].tolist() == [[[0, 1], [0, 0]], [[2, 3], [3, 4]]]
            assert sample['reader_keypoints_visible'].tolist() == [[1, 0], [1, 1]]
