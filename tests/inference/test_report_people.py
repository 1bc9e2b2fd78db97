"""The report on people: the numbers of the evaluation, and sentences that say what is there."""

import json
from pathlib import Path

import numpy as np
import pytest

from hybridkp.inference.report_people import MEASURES, people_report
from hybridkp.inference.report_source import ReportSource


def block(page, section, kind):
    (found,) = [one for one in page['sections'] if one['id'] == section]
    return [one for one in found['blocks'] if one['kind'] == kind]


@pytest.fixture
def rough(people):
    return people(beside=6.0)


def test_perfect_predictions(people):
    page = people_report(people(), 0)
    tiles = {tile['name']: tile for tile in page['tiles']}
    assert [tiles[name]['value'] for name in MEASURES.values()] == ['1.000'] * 6
    assert tiles['Average precision (AP)']['first'] and tiles['Average precision (AP)']['range'] == [100, 100, 0]
    (table,) = block(page, 'keypoints', 'table')
    assert min(float(row[1]['text']) for row in table['rows']) > 0.95 and table['rows'][-1][1]['text'] == '1.000'
    assert table['rows'][-1][0] == 'all' and table['rows'][-1][6] == '100.0'
    (kinds,) = block(page, 'kinds', 'plot')
    assert kinds['text'] == '100 % of the keypoints are good.'
    curve, histogram = block(page, 'precision', 'plot')
    assert curve['text'].startswith('100 % of the people are found at a similarity of 0.5 and 100 % at 0.75')
    assert histogram['text'].endswith('0 of 55 have none of at least 0.1.')


def test_numbers_are_those_of_the_evaluation(rough):
    from hybridkp.inference.report_poses import ReportPoses

    accumulation = ReportPoses(rough).evaluation.accumulation
    measures, page = accumulation.measures(), people_report(rough, 0)
    tiles = {tile['name']: tile['value'] for tile in page['tiles']}
    assert tiles == {name: f'{measures[key]:.3f}' for key, name in MEASURES.items()}
    (low, high), tile = accumulation.intervals(1000, 0)['AP'], page['tiles'][0]
    assert tile['interval'] == f'95 %: {low:.3f}\u00a0–\u00a0{high:.3f}'
    (table,) = block(page, 'keypoints', 'table')
    assert table['rows'][-1][1]['text'] == f'{measures["AP"]:.3f}' and len(table['rows']) == 18
    assert all(len(row) == len(table['head']) for row in table['rows'])
    shares = np.array([[float(cell) for cell in row[6:11]] for row in table['rows']])
    np.testing.assert_allclose(shares.sum(axis=1), 100, atol=0.3)


def test_what_an_error_costs_is_said(rough):
    (kinds,) = block(people_report(rough, 0), 'kinds', 'plot')
    assert 'The most frequent error is jitter' in kinds['text'] and 'with all of them' in kinds['text']


def test_the_worst_and_the_best_people(people):
    source = people(beside=2.0)
    entries = json.loads(Path(source.path).read_text())
    points = np.array(entries[5]['keypoints']).reshape(-1, 3)
    points[:, :2] += 300
    entries[5]['keypoints'] = points.ravel().tolist()
    Path(source.path).write_text(json.dumps(entries))
    page = people_report(ReportSource(source.path, None, None, None), 3)
    worst, best = block(page, 'cases', 'cases')
    assert len(worst['cases']) == len(best['cases']) == 3 and '9 labels or more' in best['title']
    assert worst['cases'][0]['text'] == 'OKS below 0.1, score 0.50'
    assert worst['cases'][0]['name'] == source.image_name(entries[5]['image_id'])
    similarities = [float(case['text'].split()[1].rstrip(',')) for case in best['cases']]
    assert similarities == sorted(similarities, reverse=True) and similarities[0] > 0.9
    assert all(case['source'].startswith('data:image/jpeg') for case in (*worst['cases'], *best['cases']))


def test_people_without_any_prediction(people, recwarn):
    page = people_report(people(count=3), 60)
    (worst, best) = block(page, 'cases', 'cases')
    assert len(worst['cases']) == 28 and worst['cases'][0]['text'] == 'no prediction finds this person'
    assert not {case['source'] for case in worst['cases']} & {case['source'] for case in best['cases']}
    assert 'many are not found at all' in block(page, 'precision', 'plot')[0]['text']
    assert not [str(one.message) for one in recwarn.list if one.category is not ResourceWarning]


def test_nothing_was_predicted(people, coco17, recwarn):
    source = people()
    Path(source.path).write_text('[]')
    page = people_report(ReportSource(source.path, source.ann_file, None, coco17), 0)
    assert page['tiles'][0]['value'] == '0.000' and '0 predictions' in page['lead']
    assert [one['id'] for one in page['sections']] == ['precision', 'keypoints']
    assert not [str(one.message) for one in recwarn.list if one.category is not ResourceWarning]


def test_covariances_have_a_section_where_there_are_any(rough, people):
    (section,) = [one for one in people_report(rough, 0)['sections'] if one['id'] == 'covariances']
    assert 'in per cent of the size' in section['text'] and '% of size' in section['blocks'][1]['text']
    assert 'covariances' not in [one['id'] for one in people_report(people(variance=None), 0)['sections']]
