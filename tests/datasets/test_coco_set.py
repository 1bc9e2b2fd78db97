"""What data sets of COCO files share."""

import pytest

from hybridkp.datasets.coco_images import CocoImages
from hybridkp.datasets.coco_keypoints import CocoKeypoints
from hybridkp.datasets.coco_set import PIPELINE_KEYS
from hybridkp.datasets.yolo_images import YoloImages

ROOT = 'tests/data/coco/'
FILE = 'annotations/person_keypoints_val2017.json'
SKELETON = 'configs/_base_/skeletons/coco17.py'


@pytest.fixture
def skeleton():
    from mmengine.config import Config

    return Config.fromfile(SKELETON).skeleton.to_dict()


@pytest.mark.parametrize('kind', [CocoImages, CocoKeypoints])
def test_samples_say_their_image_and_what_transforms_need(kind, skeleton):
    samples = kind(FILE, skeleton, ROOT, dict(img='val2017/'))
    sample = samples.get_data_info(0)
    assert sample['img_path'].startswith(f'{ROOT}val2017/') and len(sample['ann_size']) == 2
    assert set(PIPELINE_KEYS) < set(sample) and 'img_id' in sample
    sample['flip_indices'].reverse()  # a sample of one's own
    assert samples.get_data_info(0)['flip_indices'] == list(reversed(sample['flip_indices']))


@pytest.mark.parametrize('kind', [CocoImages, CocoKeypoints])
def test_wrong_prefix(kind, skeleton):
    with pytest.raises(ValueError, match=rf'{kind.__name__}: expected data_prefix=dict\(img=...\), got'):
        kind(FILE, skeleton, ROOT, dict(image='val2017/'))
    assert issubclass(YoloImages, CocoImages)
