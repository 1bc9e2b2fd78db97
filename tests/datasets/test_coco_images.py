"""Whole images: the bundled ones, images without people, several classes, and bad files."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmpose.registry import DATASETS

from hybridkp.datasets.coco_images import CocoImages
from hybridkp.datasets.person_labels import LABELS
from hybridkp.errors import InputError

pytestmark = pytest.mark.usefixtures('mmpose_scope')
ROOT = Path(__file__).parents[2]
COCO = ROOT / 'tests/data/coco'
LABELLED = COCO / 'annotations/person_keypoints_val2017.json'
SKELETON = Config.fromfile(ROOT / 'configs/_base_/skeletons/coco17.py').skeleton.to_dict()
TWO = dict(name='two', keypoints=['a', 'b'], flip_pairs=[], links=[], sigmas=[0.1, 0.1])


def bundled(**options):
    settings = dict(ann_file=str(LABELLED), skeleton=SKELETON, data_prefix=dict(img=str(COCO / 'val2017')))
    return CocoImages(**(settings | options))


@pytest.fixture
def write(tmp_path):
    """Write annotations of two keypoints; gives the data set's settings."""

    def to_file(annotations, images=2, **more):
        content = dict(
            images=[dict(id=i, file_name=f'{i}.jpg', width=100, height=80) for i in range(images)],
            annotations=[dict(id=i, **annotation) for i, annotation in enumerate(annotations)],
            **more,
        )
        (tmp_path / 'a.json').write_text(json.dumps(content))
        return dict(ann_file=str(tmp_path / 'a.json'), skeleton=TWO)

    return to_file


def person(image=0, bbox=(10, 10, 20, 30), keypoints=(15, 20, 2, 20, 25, 1), category=1, **more):
    return dict(image_id=image, category_id=category, bbox=list(bbox), keypoints=list(keypoints), **more)


def test_bundled_images():
    dataset, records = bundled(), json.loads(LABELLED.read_text())
    people = [record for record in records['annotations'] if not record['iscrowd']]
    assert len(dataset) == 26 and len(people) == 77
    samples = [dataset.get_data_info(i) for i in range(26)]
    assert sum(len(sample['id']) for sample in samples) == 77
    by_id = {record['id']: record for record in people}
    for sample in samples:
        for i, number in enumerate(sample['id']):
            triples = np.reshape(by_id[number]['keypoints'], (-1, 3))
            assert np.array_equal(sample['keypoints'][i], triples[:, :2].astype(np.float32))
            assert np.array_equal(sample['keypoints_visible'][i], triples[:, 2])  # 0, 1 and 2
            assert sample['area'][i] == pytest.approx(by_id[number]['area'])
    assert dataset.metainfo['boxes'] == 'none: the network finds its own'
    without = bundled(unlabelled=False, keep_empty=False)
    assert sum(len(without.get_data_info(i)['id']) for i in range(len(without))) == 55


def test_a_sample_by_hand(write):
    dataset = CocoImages(**write([person(bbox=(-5, 10, 25, 90), area=123.0), person(bbox=(0, 0, 10, 10))]))
    sample = dataset.get_data_info(0)
    assert sample['bbox'].tolist() == [[0, 10, 20, 80], [0, 0, 10, 10]]
    assert sample['area'].tolist() == pytest.approx([123, 53])
    assert sample['keypoints'].shape == (2, 2, 2) and sample['keypoints_visible'].tolist() == [[2, 1], [2, 1]]
    assert sample['ann_size'] == (80, 100) and sample['id'] == [0, 1] and 'raw_ann_info' not in sample


def test_images_without_people(write):
    settings = write([person(), person(iscrowd=1, image=1)])
    assert len(CocoImages(**settings)) == 2 and len(CocoImages(**settings, keep_empty=False)) == 1
    nobody = CocoImages(**settings).get_data_info(1)
    assert nobody['bbox'].tolist() == [[0, 0, 0, 0]] and not nobody['keypoints_visible'].any()
    tested = CocoImages(**settings, test_mode=True, keep_empty=False)
    assert len(tested) == 2
    sample = tested.get_data_info(1)
    assert sample['bbox'].shape == (0, 4) and sample['keypoints'].shape == (0, 2, 2) and sample['id'] == []
    assert [annotation['id'] for annotation in sample['raw_ann_info']] == [1]  # crowds are known to who measures


def test_who_counts(write):
    hidden = person(keypoints=(0, 0, 0, 0, 0, 0))
    empty, outside = person(bbox=(5, 5, 0, 3), keypoints=(0,) * 6), person(bbox=(200, 5, 10, 10))
    settings = write([person(), hidden, empty, outside, dict(image_id=0, category_id=1)])
    assert CocoImages(**settings).get_data_info(0)['id'] == [0, 1]
    assert CocoImages(**settings, unlabelled=False).get_data_info(0)['id'] == [0]
    boxed = {key: value for key, value in person().items() if key != 'keypoints'}
    settings = write([person(), boxed])
    sample = CocoImages(**settings).get_data_info(0)
    assert sample['id'] == [0, 1] and sample['keypoints_visible'].tolist() == [[2, 1], [0, 0]]
    assert CocoImages(**settings, unlabelled=False).get_data_info(0)['id'] == [0]


def test_classes_are_in_the_order_of_their_ids(write):
    categories = [dict(id=7, name='dog'), dict(id=3, name='cat')]
    dataset = CocoImages(**write([person(category=7), person(category=3)], categories=categories))
    assert dataset.get_data_info(0)['category_id'].tolist() == [1, 0]
    assert dataset.metainfo['category_ids'] == [3, 7] and dataset.metainfo['classes'] == ('cat', 'dog')
    unnamed = CocoImages(**write([person(category=7), person(category=0)]))
    assert unnamed.metainfo['category_ids'] == [0, 7] and unnamed.metainfo['classes'] == ('0', '7')


def test_nobody_survives_the_whole_training_pipeline():
    pipeline = Config.fromfile(
        ROOT / 'configs/_base_/datasets/coco_sample_images_320x320.py'
    ).train_dataloader.dataset.pipeline
    dataset = DATASETS.build(
        dict(
            type='CocoImages',
            ann_file=str(LABELLED),
            skeleton=SKELETON,
            data_prefix=dict(img=str(COCO / 'val2017')),
            pipeline=pipeline,
        )
    )
    everybody = dataset.get_data_info
    np.random.seed(0)
    sample = dataset[0]
    assert sample['inputs'].shape == (3, 320, 320)
    nobody = dataset._arrays([], np.zeros((0, 4), np.float32), {1: 0})
    dataset.get_data_info = lambda i: everybody(i) | {key: value.copy() for key, value in nobody.items()}
    labels = dataset[0]['data_samples'].gt_instance_labels
    assert [len(labels[name]) for name in LABELS] == [0] * 5


def test_mosaics_keep_points_on_people():
    pipeline = Config.fromfile(
        ROOT / 'configs/_base_/datasets/coco_sample_images_320x320.py'
    ).train_dataloader.dataset.pipeline
    dataset = bundled(pipeline=pipeline)
    np.random.seed(0)
    people = 0
    for i in range(6):
        labels = dataset[i]['data_samples'].gt_instance_labels
        boxes, points, flags = (labels[name].numpy() for name in ('box_labels', 'keypoint_labels', 'keypoint_flags'))
        assert (boxes >= 0).all() and (boxes <= 320).all() and set(np.unique(flags)) <= {0, 1, 2}
        slack = 0.1 * (boxes[:, None, 2:] - boxes[:, None, :2]) + 2
        near = (points >= boxes[:, None, :2] - slack) & (points <= boxes[:, None, 2:] + slack)
        assert near[flags > 0].mean() > 0.97  # a hand may reach out of a box that is cut
        people += len(boxes)
    assert people > 12


@pytest.mark.parametrize(
    'annotation, message',
    [
        (person(image=9), 'annotation 0: expected the id of an image of this file, got image_id 9'),
        (person(keypoints=(1, 2, 2)), 'annotation 0: expected 2 keypoints .* got 1'),
        (person(keypoints=(1, 2, 2, 1, 2, 3)), 'annotation 0: expected a visibility of 0, 1 or 2, got 3'),
        (person(bbox=(0, 0, 0, 5)), 'annotation 0: expected a box of positive width and height'),
    ],
)
def test_bad_records(annotation, message, write):
    with pytest.raises(InputError, match=f'a.json: {message}'):
        CocoImages(**write([annotation]))


def test_no_images_and_no_file(write, tmp_path):
    with pytest.raises(InputError, match='a.json: expected images with people, got none'):
        CocoImages(**write([]), keep_empty=False)
    with pytest.raises(InputError, match='a.json: expected images, got none'):
        CocoImages(**write([], images=0))
    with pytest.raises(FileNotFoundError, match='b.json'):
        CocoImages(str(tmp_path / 'b.json'), TWO)
    with pytest.raises(ValueError, match='CocoImages: expected data_prefix=dict'):
        CocoImages('a.json', TWO, data_prefix=dict(images=''))
