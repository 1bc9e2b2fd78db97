"""YOLO's layout as a data set: the same people as COCO's file has."""

from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmpose.registry import DATASETS

from hybridkp.converters.yolo_layout import coco_to_yolo
from hybridkp.datasets.coco_images import CocoImages
from hybridkp.errors import InputError

pytestmark = pytest.mark.usefixtures('mmpose_scope')
ROOT = Path(__file__).parents[2]
COCO = ROOT / 'tests/data/coco'
LABELLED = COCO / 'annotations/person_keypoints_val2017.json'
SKELETON = Config.fromfile(ROOT / 'configs/_base_/skeletons/coco17.py').skeleton.to_dict()


@pytest.fixture(scope='module')
def layout(tmp_path_factory):
    folder = tmp_path_factory.mktemp('coco_kpts')
    coco_to_yolo(str(LABELLED), SKELETON['keypoints'], str(folder), 'val2017', str(COCO / 'val2017'))
    return folder


def test_same_people_as_in_cocos_file(layout):
    settings = dict(skeleton=SKELETON, unlabelled=False, test_mode=True)
    ours = DATASETS.build(dict(type='YoloImages', ann_file='val2017.txt', data_root=str(layout), **settings))
    theirs = CocoImages(str(LABELLED), data_prefix=dict(img=str(COCO / 'val2017')), **settings)
    assert len(ours) == len(theirs) == 26
    for i in range(26):
        found, expected = ours.get_data_info(i), theirs.get_data_info(i)
        assert found['img_id'] == expected['img_id'] and Path(found['img_path']).samefile(expected['img_path'])
        np.testing.assert_allclose(found['bbox'], expected['bbox'], atol=2e-3)
        assert np.array_equal(found['keypoints_visible'], expected['keypoints_visible'])
        labelled = expected['keypoints_visible'] > 0
        np.testing.assert_allclose(found['keypoints'][labelled], expected['keypoints'][labelled], atol=2e-3)
        assert len(found['raw_ann_info']) == len(found['bbox'])


def test_classes_are_checked(layout):
    with pytest.raises(InputError, match='expected a class from 0 to -1, got 0'):
        DATASETS.build(
            dict(type='YoloImages', ann_file='val2017.txt', data_root=str(layout), skeleton=SKELETON, classes=())
        )
