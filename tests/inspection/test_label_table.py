"""Labels as arrays."""

import json
from pathlib import Path

import numpy as np

from hybridkp.inspection.label_table import label_table

COCO = Path(__file__).parents[1] / 'data/coco/annotations/person_keypoints_val2017.json'


def test_people_of_the_bundled_images():
    table = label_table(json.loads(COCO.read_text()), 17)
    assert len(table.ids) == len(table.owners) == 55 and len(table.files) == 26
    assert table.boxes.shape == (55, 4) and table.points.shape == (55, 17, 2) and table.labelled.sum() == 595
    assert table.left_out == {'without a labelled keypoint': 22, 'crowds': 2}
    assert table.image_sizes.shape == (55, 2) and (table.image_sizes == table.sizes[table.owners]).all()


def test_values_are_those_of_the_file(drawn_set, tmp_path):
    coco = json.loads(drawn_set(tmp_path, count=3).read_text())
    coco['annotations'][1].pop('bbox')
    coco['annotations'][2].pop('area')
    coco['annotations'][2]['keypoints'][2] = 0
    table = label_table(coco, 5)
    assert table.ids == [10, 30] and table.owners.tolist() == [0, 2] and table.left_out == {'without a bbox': 1}
    np.testing.assert_array_equal(
        table.points[0].ravel(), np.delete(coco['annotations'][0]['keypoints'], slice(2, 15, 3))
    )
    assert table.boxes[1].tolist() == coco['annotations'][2]['bbox']
    assert np.isnan(table.areas).tolist() == [False, True]
    assert table.labelled[1].tolist() == [False, True, True, True, True]


def test_nothing_there():
    table = label_table(dict(images=[], annotations=[]), 5)
    assert table.ids == [] and table.points.shape == (0, 5, 2) and table.sizes.shape == (0, 2)
