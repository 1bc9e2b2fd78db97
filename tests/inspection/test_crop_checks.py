"""How crops scale boxes."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmpose.registry import TRANSFORMS

from hybridkp.inspection.crop_checks import check_crops, crop_factors
from hybridkp.inspection.data_part import DataPart, data_parts
from hybridkp.inspection.label_table import label_table

ROOT = Path(__file__).parents[2]


def part(size, padding=1.0, before=()):
    steps = [dict(type='GetBBoxCenterScale', padding=padding), *before, dict(type='TopdownAffine', input_size=size)]
    return DataPart(('train',), dict(pipeline=steps))


def people(boxes, sides=(400, 400)):
    images = [dict(id=i, file_name=f'{i}.png', width=sides[0], height=sides[1]) for i in range(len(boxes))]
    annotations = [
        dict(id=i, image_id=i, category_id=1, keypoints=[1, 1, 2], bbox=[0, 0, *box]) for i, box in enumerate(boxes)
    ]
    return label_table(dict(images=images, annotations=annotations), 1)


def test_factors_by_hand():
    table = people([(192, 256), (96, 128), (192, 100), (50, 512)])
    assert crop_factors(table, part((192, 256)), (192, 256)).tolist() == [1, 0.5, 1, 2]
    assert crop_factors(table, part((192, 256), padding=1.25), (192, 256)).tolist() == [1.25, 0.625, 1.25, 2.5]


def test_a_region_of_the_frame():
    frame = [dict(type='FrameRegion', region=(0.25, 0, 0.75, 1))]
    factors = crop_factors(people([(10, 10)], (400, 200)), part((100, 100), before=frame), (100, 100))
    assert factors.tolist() == [2]


def test_closeups_are_of_labelled_keypoints():
    images = [dict(id=0, file_name='0.png', width=400, height=400)]
    keypoints = [100, 100, 2, 180, 140, 2, 0, 0, 0]
    annotation = dict(id=0, image_id=0, category_id=1, keypoints=keypoints, bbox=[0, 0, 400, 400])
    table = label_table(dict(images=images, annotations=[annotation]), 3)
    closeups = part((100, 100), padding=1.25)
    assert crop_factors(table, closeups, (100, 100)).tolist() == [5]
    closeups.settings['type'] = 'CocoCloseups'
    closeups.settings['skeleton'] = dict(
        name='face', keypoints=['a', 'b', 'c'], flip_pairs=[], links=[], sigmas=[1] * 3
    )
    assert crop_factors(table, closeups, (100, 100)).tolist() == [1]


def test_closeups_are_of_each_group():
    images = [dict(id=0, file_name='0.png', width=400, height=400)]
    keypoints = [100, 100, 2, 180, 140, 2, 10, 10, 2, 30, 90, 2, 0, 0, 0, 5, 5, 2]
    annotation = dict(id=0, image_id=0, category_id=1, keypoints=keypoints, bbox=[0, 0, 400, 400])
    table, names = label_table(dict(images=images, annotations=[annotation]), 6), list('abcdef')
    closeups = part((100, 100), padding=1.25)
    closeups.settings.update(type='CocoCloseups', groups=[['a', 'b'], ['d', 'c'], ['e', 'f']])
    closeups.settings['skeleton'] = dict(name='face', keypoints=names, flip_pairs=[], links=[], sigmas=[1] * 6)
    assert crop_factors(table, closeups, (100, 100)).tolist() == [1, 1]  # of e and f one is labelled
    table.labelled[:] = False
    assert list(check_crops(table, closeups)) == []


def test_factors_are_those_of_the_pipeline(mmpose_scope, monkeypatch):
    """The scale of mmpose's own transforms, on the bundled people."""
    monkeypatch.chdir(ROOT)
    val = data_parts(Config.fromfile('configs/body/hybridnet_s_coco_sample_256x192.py'))[0]
    dataset = DataPart(('val',), val.settings | dict(test_mode=True)).build()
    steps = [TRANSFORMS.build(step) for step in val.pipeline if step['type'] in ('GetBBoxCenterScale', 'TopdownAffine')]
    expected = []
    for i in range(len(dataset)):
        sample = dataset.get_data_info(i) | dict(img=np.zeros((8, 8, 3), np.uint8))
        for step in steps:
            sample = step(sample)
        expected.append(sample['input_scale'][0] / 192)
    table = label_table(json.loads(Path(val.ann_file).read_text()), 17)
    order = np.argsort(table.owners, kind='stable')  # a data set goes image by image
    np.testing.assert_allclose(crop_factors(table, val, (192, 256))[order], expected, rtol=0.02)


@pytest.mark.parametrize(
    'boxes, before, says',
    [
        ([(40, 40)] * 4, (), None),
        ([(40, 40)] * 2 + [(10, 10)] * 2, (), '50.0 % of the crops are enlarged more than 4 times'),
        ([(40, 40)] * 2 + [(200, 200)] * 2, (), '50.0 % of the crops are shrunk more than 2 times without'),
        ([(200, 200)] * 4, [dict(type='SmoothDownscale', input_size=(64, 64))], None),
    ],
)
def test_warnings(boxes, before, says):
    first, *others = check_crops(people(boxes), part((64, 64), before=before))
    assert first.level == 'ok' and re.match(r'crops to 64x64 \(width x height\): the median is [\d.]+ im', first.what)
    assert [finding.level for finding in others] == (['warn'] if says else [])
    assert not says or others[0].what.startswith(says)


def test_histogram():
    boxes = [(10, 10), (20, 20), (40, 40), (100, 100), (200, 200), (300, 300)]
    (first, *_) = check_crops(people(boxes), part((64, 64)))
    assert first.what.endswith(
        'enlarged over 4x 16.7 %, enlarged 2-4x 16.7 %, enlarged 1-2x 16.7 %, '
        'shrunk 1-2x 16.7 %, shrunk 2-4x 16.7 %, shrunk over 4x 16.7 %'
    )


def test_no_crop():
    assert list(check_crops(people([(5, 5)]), DataPart(('train',), dict(pipeline=[])))) == []
