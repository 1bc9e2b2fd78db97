"""The errors of a landmark set: by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from hybridkp.inference.report_landmark_errors import measure
from hybridkp.inference.report_source import ReportSource

NAN = float('nan')
SHIFTS = [[[3, 4], [0, 0], [0, 2]], [[0, 0], [6, 8], [1, 0]]]


def test_errors_are_in_mm_where_a_pixels_size_is_known(heads):
    measured = measure(heads(SHIFTS, spacing=[0.5, 2]))
    np.testing.assert_allclose(measured.vectors, np.array(SHIFTS) * [0.5, 2])
    np.testing.assert_allclose(measured.errors[0], [np.hypot(1.5, 8), 0, 4])
    np.testing.assert_allclose(measured.claims[0, 0], [[4 * 0.25, 0], [0, 4 * 4]])
    np.testing.assert_allclose(measured.scores, [[0.9, 0.8, 0.7]] * 2)
    assert measured.images == [1, 2] and measured.between is None
    in_px = measure(heads(SHIFTS, spacing=None))
    np.testing.assert_allclose(in_px.errors, [[5, 0, 2], [0, 10, 1]])


def test_what_is_not_labelled_has_no_error(heads):
    errors = measure(heads(SHIFTS, visible=(2, 0, 1))).errors
    np.testing.assert_array_equal(np.isnan(errors), [[False, True, False]] * 2)


def test_the_prediction_of_the_highest_score_is_taken(heads):
    source = heads(SHIFTS)
    entries = json.loads(Path(source.path).read_text())
    better, worse = entries[1] | dict(image_id=1, score=0.9), entries[1] | dict(image_id=1, score=0.1)
    Path(source.path).write_text(json.dumps([better, entries[0], worse]))
    measured = measure(ReportSource(source.path, source.ann_file, None, None))
    np.testing.assert_allclose(measured.errors[0], [0, 5, 0.5])
    assert np.isnan(measured.errors[1]).all() and np.isnan(measured.points[1]).all()


def test_images_come_in_the_order_of_their_names(heads):
    source = heads(SHIFTS)
    records = json.loads(Path(source.ann_file).read_text())
    records['images'][0]['file_name'], records['images'][1]['file_name'] = '002.png', '001.png'
    Path(source.ann_file).write_text(json.dumps(records))
    assert measure(ReportSource(source.path, source.ann_file, None, None)).images == [2, 1]


def test_readers_are_apart_in_the_mean_of_their_pairs(heads):
    two = measure(heads(SHIFTS, readers=dict(junior=np.array([3.0, 4.0]), senior=np.zeros(2))))
    np.testing.assert_allclose(two.between, 2.5)
    three = measure(heads(SHIFTS, readers=dict(a=np.array([6.0, 0.0]), b=np.zeros(2), c=np.zeros(2))))
    np.testing.assert_allclose(three.between, 0.5 * (6 + 6 + 0) / 3)
    assert measure(heads(SHIFTS, readers=dict(alone=0))).between is None


def test_what_only_one_reader_marked_has_no_distance(heads):
    source = heads(SHIFTS, readers=dict(a=np.array([6.0, 0.0]), b=np.zeros(2)))
    records = json.loads(Path(source.ann_file).read_text())
    records['annotations'][0]['readers']['a'][2] = 0
    Path(source.ann_file).write_text(json.dumps(records))
    between = measure(ReportSource(source.path, source.ann_file, None, None)).between
    assert np.isnan(between[0, 0]) and between[0, 1] == pytest.approx(3) and between[1, 0] == pytest.approx(3)
