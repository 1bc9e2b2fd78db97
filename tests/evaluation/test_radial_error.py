"""Radial errors: what goes in, what comes out, and the numbers of an independent implementation."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from mmpose.registry import METRICS

from hybridkp.errors import InputError
from hybridkp.evaluation.radial_error import RadialError

NAN = float('nan')
NAMES = ['sella', 'nasion', 'gonion, left', 'menton']


def sample(vectors, number=0, spacing=(0.1, 0.1), visible=None, stacked=False):
    """Make what an estimator gives for error vectors (K, 2) in px."""
    truth = 100 + 10 * np.arange(2.0 * len(vectors)).reshape(1, -1, 2)
    visible = np.ones((1, len(vectors))) if visible is None else np.array([visible], dtype=float)
    gt = dict(keypoints=truth, keypoints_visible=np.stack((visible, 0 * visible), axis=-1) if stacked else visible)
    given = {} if spacing is None else dict(pixel_spacing=np.array(spacing))
    pred = dict(keypoints=truth + np.array(vectors, dtype=float))
    return dict(id=number, img_path=f'xray/{number:03d}.png', gt_instances=gt, pred_instances=pred, **given)


def build(mmpose_scope, count=4, **settings):
    metric = METRICS.build(dict(type='RadialError', **settings))
    metric.dataset_meta = dict(keypoint_id2name=dict(enumerate(NAMES[:count])))
    return metric


def measure(metric, samples):
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def test_example_on_paper(mmpose_scope):
    """Two images of two landmarks, in px (3, 4), (0, 20), (12, 16) and (30, 40), at 0.1 mm: 0.5, 2, 2 and 5 mm.

    The mean is 9.5 / 4 = 2.375; the squared deviations are 3.515625, 0.140625 twice and 6.890625: their sum over 3 is
    3.5625. At most 2 mm away are three of four, likewise 2.5, 3 and 4.
    """
    samples = [sample([[3, 4], [0, 20]], 1), sample([[12, -16], [30, 40]], 2)]
    metrics = measure(build(mmpose_scope, 2), samples)
    rates = [name for t in ('2', '2.5', '3', '4') for name in (f'SDR_{t}mm', f'SDR_{t}mm_low', f'SDR_{t}mm_high')]
    means = ['MRE_mm', 'SD_mm', 'MRE_mm_low', 'MRE_mm_high']
    assert list(metrics) == [*means, *rates, 'MRE_px', 'SD_px', 'missing']
    assert metrics['MRE_mm'] == pytest.approx(2.375) and metrics['SD_mm'] == pytest.approx(3.5625**0.5)
    assert metrics['MRE_px'] == pytest.approx(23.75) and metrics['SD_px'] == pytest.approx(356.25**0.5)
    assert [metrics[name] for name in rates[::3]] == [75] * 4
    # the draws are the first image twice, either once, and the second twice
    assert [metrics[name] for name in means[2:]] == pytest.approx([1.25, 3.5])
    assert [metrics[name] for name in rates[1:3]] == [50, 100]
    assert metrics['missing'] == 0


def test_px_alone(mmpose_scope):
    metrics = measure(build(mmpose_scope, 2, unit='px', thresholds=[5, 10]), [sample([[3, 4], [6, 8]], spacing=None)])
    rates = [name for t in (5, 10) for name in (f'SDR_{t}px', f'SDR_{t}px_low', f'SDR_{t}px_high')]
    assert list(metrics) == ['MRE_px', 'SD_px', 'MRE_px_low', 'MRE_px_high', *rates, 'missing']
    assert metrics['MRE_px'] == 7.5 and metrics['SDR_5px'] == 50 and metrics['SDR_10px'] == 100


def test_pixels_that_are_not_square(mmpose_scope):
    samples = [sample([[3, 4]], 1, spacing=(1, 0.5)), sample([[3, 4]], 2, spacing=(0.4, 0.4))]
    metrics = measure(build(mmpose_scope, 1), samples)
    assert metrics['MRE_mm'] == pytest.approx((np.hypot(3, 2) + 2) / 2) and metrics['MRE_px'] == 5


@pytest.mark.parametrize('stacked', [False, True])
def test_missing_landmarks_are_left_out_and_counted(mmpose_scope, stacked):
    samples = [
        sample([[10, 0], [500, 0], [20, 0], [30, 0]], 1, visible=[1, 0, 1, 1], stacked=stacked),
        sample([[10, 0], [500, 0], [NAN, 0], [0, np.inf]], 2, visible=[1, 0, 1, 1], stacked=stacked),
    ]
    metrics = measure(build(mmpose_scope), samples)
    assert metrics['missing'] == 4
    assert metrics['MRE_mm'] == pytest.approx((1 + 2 + 3 + 1) / 4) and metrics['SDR_2mm'] == 75


def test_predictions_that_are_not_finite_are_said(mmpose_scope, monkeypatch):
    said = []
    monkeypatch.setattr(MMLogger, 'warning', lambda self, text: said.append(text))
    measure(build(mmpose_scope, 2), [sample([[NAN, 0], [1, 0]], 1), sample([[NAN, 0], [1, 0]], 2, visible=[0, 1])])
    assert said == ['1 predictions are not finite; they are among the missing landmarks']


def test_nothing_labelled(mmpose_scope):
    metrics = measure(build(mmpose_scope, 2), [sample([[1, 0], [1, 0]], i, visible=[0, 0]) for i in (1, 2)])
    assert metrics.pop('missing') == 4
    assert all(np.isnan(value) for value in metrics.values())


def test_the_table_is_logged_and_written(mmpose_scope, tmp_path, monkeypatch):
    said, path = [], tmp_path / 'new' / 'landmarks.csv'
    monkeypatch.setattr(MMLogger, 'info', lambda self, text: said.append(text))
    vectors = [[[3, 4], [10, 0], [0, 0], [1, 1]], [[6, 8], [30, 0], [0, 0], [1, 1]]]
    samples = [sample(v, i, visible=[1, 1, 1 - i, 0]) for i, v in enumerate(vectors)]
    measure(build(mmpose_scope, csv=str(path), thresholds=(0.75, 2)), samples)
    rows = list(csv.reader(path.read_text().splitlines()))
    assert rows == [
        ['landmark', 'MRE_mm', 'SD_mm', 'SDR_0.75mm', 'SDR_2mm', 'count', 'missing'],
        ['sella', '0.75', '0.353553', '50', '100', '2', '0'],
        ['nasion', '2', '1.41421', '0', '50', '2', '0'],
        ['gonion, left', '0', '', '100', '100', '1', '1'],
        ['menton', '', '', '', '', '0', '2'],
        ['all', '1.1', '1.14018', '40', '80', '5', '3'],
    ]
    assert said[0].splitlines() == [
        'radial errors by landmark',
        'landmark      MRE_mm  SD_mm  SDR_0.75mm  SDR_2mm  count  missing',
        'sella           0.75   0.35       50.00   100.00      2        0',
        'nasion          2.00   1.41        0.00    50.00      2        0',
        'gonion, left    0.00      -      100.00   100.00      1        1',
        'menton             -      -           -        -      0        2',
        'all             1.10   1.14       40.00    80.00      5        3',
    ]


def test_a_missing_spacing_names_the_image(mmpose_scope):
    with pytest.raises(InputError, match=r'^xray/007.png: expected a pixel_spacing .* got none; give it in'):
        build(mmpose_scope, 1).process({}, [sample([[1, 0]], 7, spacing=None)])


def test_several_instances_in_a_sample_are_refused(mmpose_scope):
    two = sample([[1, 0]], 7)
    two['pred_instances']['keypoints'] = np.zeros((2, 1, 2))
    with pytest.raises(InputError, match=r'xray/007.png: expected .* one instance, got \(2, 1, 2\) and \(1, 1, 2\)'):
        build(mmpose_scope, 1).process({}, [two])


@pytest.mark.parametrize('settings', [dict(unit='cm'), dict(thresholds=(2, 0)), dict(bootstrap=-1)])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match='RadialError: expected'):
        RadialError(**settings)


def noisy(count):
    generator = np.random.default_rng(0)
    return [sample(generator.normal(0, 15, (4, 2)), i, visible=generator.random(4) > 0.2) for i in range(count)]


def test_neither_order_nor_repetition_changes_anything(mmpose_scope):
    samples = noisy(7)
    once, again = build(mmpose_scope), build(mmpose_scope)
    expected = measure(once, samples)
    assert measure(again, [*samples[::-1], samples[3]]) == expected and expected['missing'] > 0


def test_numbers_of_an_independent_implementation(mmpose_scope):
    given = json.loads((Path(__file__).parents[1] / 'data/radial_error/reference.json').read_text())
    points, truth = np.array(given['predictions']), np.array(given['references'])
    px_per_cell = np.array(given['image_sizes'])[:, None, ::-1] / given['input_size_hw'][::-1]
    vectors = np.where((points < 0).any(axis=-1, keepdims=True), NAN, points - truth)
    labelled = (truth >= 0).all(axis=-1)

    def of(vectors, **settings):
        metric = METRICS.build(dict(type='RadialError', **settings))
        metric.dataset_meta = dict(keypoint_id2name=dict(enumerate('abcdef')))
        spacing = [(size, size) for size in given['mm_per_px']]
        return measure(metric, [sample(vectors[i], i, spacing[i], labelled[i]) for i in range(4)])

    metrics = of(vectors * px_per_cell, thresholds=given['thresholds_mm'])
    assert [metrics[f'SDR_{t:g}mm'] for t in given['thresholds_mm']] == pytest.approx(given['sdr'], abs=1e-9)
    assert metrics['missing'] == 2
    assert of(vectors, unit='px')['MRE_px'] == pytest.approx(given['mre_input_px'], abs=1e-5)


def one_of_three(rank, folder):
    """Measure the third of the samples that a rank has, the last batch filled up as the sampler does."""
    torch.distributed.init_process_group('gloo', init_method=f'file://{folder}/store', rank=rank, world_size=3)
    metric, samples = RadialError(csv=f'{folder}/three.csv'), noisy(7)
    metric.dataset_meta = dict(keypoint_id2name=dict(enumerate(NAMES)))
    metric.process({}, [samples[i % 7] for i in range(rank, 9, 3)])
    Path(folder, f'{rank}.txt').write_text(repr(metric.evaluate(7)))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def test_three_processes_find_what_one_does(mmpose_scope, tmp_path):
    expected = measure(build(mmpose_scope, csv=str(tmp_path / 'one.csv')), noisy(7))
    environment = {**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1'}
    started = [
        subprocess.Popen([sys.executable, __file__, str(rank), str(tmp_path)], env=environment) for rank in range(3)
    ]
    assert [process.wait(timeout=300) for process in started] == [0, 0, 0]
    assert [(tmp_path / f'{rank}.txt').read_text() for rank in range(3)] == [repr(expected)] * 3
    assert (tmp_path / 'three.csv').read_text() == (tmp_path / 'one.csv').read_text()


if __name__ == '__main__':
    import hybridkp.plugin  # noqa: F401

    one_of_three(int(sys.argv[1]), sys.argv[2])
