"""The report on a landmark set: the numbers of `RadialError`, and sentences that say what is there."""

import numpy as np
import pytest

from hybridkp.evaluation import RadialError
from hybridkp.inference.report_landmark_errors import measure
from hybridkp.inference.report_landmarks import landmark_report

SHIFTS = np.random.default_rng(0).normal((1, 0), 2, (12, 3, 2))


def block(page, section, kind):
    (found,) = [one for one in page['sections'] if one['id'] == section]
    return [one for one in found['blocks'] if one['kind'] == kind]


def radial_error(source, unit):
    """Have the metric measure what a report measures."""
    metric, measured = RadialError(unit=unit), measure(source)
    metric.dataset_meta = dict(keypoint_id2name=dict(enumerate(source.names)))
    samples = [
        dict(
            img_path=source.image_name(image),
            id=image,
            pixel_spacing=measured.scale[i],
            gt_instances=dict(keypoints=measured.labels[None, i], keypoints_visible=np.ones((1, 3))),
            pred_instances=dict(keypoints=measured.points[None, i]),
        )
        for i, image in enumerate(measured.images)
    ]
    metric.process({}, samples)
    return metric.evaluate(len(samples))


@pytest.mark.parametrize('spacing', [0.5, [0.25, 0.5]])
def test_the_numbers_are_those_of_the_metric(heads, spacing):
    source = heads(SHIFTS, spacing=spacing)
    tiles, expected = landmark_report(source, 0)['tiles'], radial_error(source, 'mm')
    assert [tile['value'] for tile in tiles[:2]] == [f'{expected["MRE_mm"]:.2f}', f'{expected["SD_mm"]:.2f}']
    assert tiles[0]['interval'] == f'95 %: {expected["MRE_mm_low"]:.2f}\u00a0–\u00a0{expected["MRE_mm_high"]:.2f}'
    assert tiles[0]['note'] == f'{expected["MRE_px"]:.2f} px' and tiles[0]['first']
    for tile, name in zip(tiles[2:], ('2', '2.5', '3', '4'), strict=True):
        assert tile['value'] == f'{expected[f"SDR_{name}mm"]:.1f}' and tile['name'] == f'Within {name} mm (SDR)'
        assert f'{expected[f"SDR_{name}mm_high"]:.1f}' in tile['interval']


def test_in_px_where_there_is_no_spacing(heads):
    page = landmark_report(heads(SHIFTS, spacing=None, readers=dict(a=1.0, b=0.0)), 0)
    assert page['tiles'][0]['unit'] == 'px' and page['tiles'][0]['note'] == ''
    assert 'no pixel spacing' in page['notes'][-1] and 'in px. Two readers (a, b) are 1.41 px apart' in page['lead']


def test_a_row_for_each_landmark(heads):
    shifts = np.zeros((4, 3, 2))
    shifts[:, 1] = (0, 8)
    shifts[0, 1] = (0, -4)
    page = landmark_report(heads(shifts, visible=(2, 2, 0)), 0)
    (table,) = block(page, 'landmarks', 'table')
    assert table['head'][0] == 'landmark' and len(table['head']) == len(table['rows'][0])
    assert [row[0] for row in table['rows']] == ['S', 'N', 'A', 'all']
    mean, deviation, median = table['rows'][1][1:4]
    assert (mean['text'], mean['share'], deviation, median) == ('3.50', 1.0, '1.00', '4.00')
    assert table['rows'][1][8] == '2.50'  # the shift: (-2 + 3 * 4) / 4
    assert table['rows'][1][-2:] == ['4', '0'] and table['rows'][2][-2:] == ['0', '4']
    boxes = block(page, 'errors', 'plot')[1]['text']
    assert 'N is the hardest landmark with a mean error of 3.50 mm, S the easiest with 0.00 mm' in boxes


def test_where_errors_point_to(heads):
    shifts = np.random.default_rng(1).normal(0, 0.1, (20, 3, 2))
    shifts[:, 2] += (-4, 6)
    page = landmark_report(heads(shifts, covariance=None), 0)
    (plot,) = block(page, 'directions', 'plot')
    assert 'it is greatest at A, 2.00 mm left and 2.99 mm down' in plot['text']
    assert 'dashed' not in plot['text'] and float(plot['text'].split(' %')[0]) > 99
    assert [one['id'] for one in page['sections']] == ['errors', 'landmarks', 'directions']


def test_the_worst_and_the_best_images(heads):
    shifts = np.zeros((5, 3, 2))
    shifts[:, 0, 0] = (1, 6, 2, 9, 3)
    page = landmark_report(heads(shifts), 2)
    worst, best = block(page, 'cases', 'cases')
    assert [case['name'] for case in worst['cases']] == ['004.png', '002.png']
    assert [case['name'] for case in best['cases']] == ['001.png', '003.png']
    assert worst['cases'][0]['text'] == 'mean error 1.50 mm; worst: S, 4.50 mm'
    assert worst['cases'][0]['source'].startswith('data:image/jpeg')
    page = landmark_report(heads(shifts), 100)
    assert [len(one['cases']) for one in block(page, 'cases', 'cases')] == [3, 2]


def test_without_images_there_are_no_pictures(heads):
    assert 'cases' not in [one['id'] for one in landmark_report(heads(SHIFTS, images=False), 5)['sections']]


def test_covariances_have_a_section(heads):
    page = landmark_report(heads(SHIFTS, covariance=(4, 0, 4)), 0)
    (section,) = [one for one in page['sections'] if one['id'] == 'covariances']
    assert '36 keypoints' in section['text'] and len(section['blocks']) == 3


def test_nothing_was_predicted(heads, recwarn):
    from pathlib import Path

    from hybridkp.inference.report_source import ReportSource

    source = heads(SHIFTS[:3])
    Path(source.path).write_text('[]')
    page = landmark_report(ReportSource(source.path, source.ann_file, None, None), 3)
    assert page['tiles'][0]['value'] == '–' and '0 of them predicted' in page['lead']
    assert [one['id'] for one in page['sections']] == ['errors', 'landmarks']
    assert not [str(one.message) for one in recwarn.list if one.category is not ResourceWarning]
