"""Whether predicted covariances can be trusted."""

from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmpose.registry import METRICS

from hybridkp.errors import InputError
from hybridkp.evaluation import calibration_statistics as statistics
from hybridkp.evaluation.radial_statistics import intervals, radial
from hybridkp.evaluation.sample_errors import error_vectors, sample_spacing
from hybridkp.evaluation.sample_points import each_once, own_values, predicted_points
from hybridkp.evaluation.text_table import aligned, write_csv

ROWS = {
    '': 'prediction',
    '_isotropic': 'made isotropic',
    '_constant': 'constant',
    '_constant_isotropic': 'constant isotropic',
    '_score': 'score',
    '_oracle': 'best order',
}
"""What is compared, by the end of its metrics' names."""


@METRICS.register_module()
class CovarianceCalibration(BaseMetric):
    """Measure whether errors are as large as the predicted covariances say, and lie where these say.

    - ``coverage_P``: how many per cent of the labels lie in the predicted ellipses that should hold P per cent of
      them; ``_worst`` is the smallest of any keypoint. ``ECE`` is the mean difference of coverage and P over
      P = 5, 10 ... 95.
    - ``NLL``: the mean negative log-likelihood of the errors, in nats: the one number that sees everything.
    - ``area_mm2``: the one-sigma ellipses' mean area; of two calibrated predictions, the smaller one knows more.
    - ``correlation``: Spearman's, of the root of the trace with the radial error. ``AURC``: the mean error of what is
      kept, over all shares, if the least certain landmarks are left out first.
    - ``axis_angle``, where two or more readers marked points: between the long axes of the mean prediction and of
      the readers' scatter, 0 to 90 degrees, the mean over keypoints weighted by the readers' axis ratio minus 1;
      ``axis_angle_constant`` is that of the constant.

    Beside the prediction itself there are the prediction made a circle (``_isotropic``), a constant covariance per
    keypoint (``_constant``), that made a circle (``_constant_isotropic``), the heatmap's peak (``_score``), which
    orders only, and the best possible order (``_oracle``). A circle has its ellipse's size, so that it orders alike
    and has neither correlation nor AURC of its own here. ``NLL_gain`` is the constant's NLL minus the prediction's;
    ``_low`` and ``_high`` are the ends of a 95 % interval from a bootstrap over images. Everything is measured on the
    same landmarks: those with a label and a finite prediction whose covariance is positive definite (``degenerate``
    counts where only that is wrong). NaN stands where there is nothing to measure.

    Samples have ``pixel_spacing`` (2,) in their meta information, mm per px along x and y, for the unit mm,
    ``input_size`` and ``input_scale`` for a constant, and ``raw_ann_info`` with ``readers`` for ``axis_angle``. After
    an evaluation the main process has, for plots, ``errors`` (N, K) and, by the ends of names as above, ``distances``
    (squared Mahalanobis) and ``uncertainties`` (N, K).

    Args:
        levels: the probabilities of the ellipses.
        constant: the constant covariances (K, 3), [xx, xy, yy] in px^2 of the network's input, fitted elsewhere.
        unit: ``'mm'``, or ``'px'`` of the image where no pixel's size is known.
        csv: the file that the table by landmark goes to as well, written whole or not at all.
        bootstrap: how often the images are drawn; 0 for no interval.
        seed: of the draws.
    """

    default_prefix = ''  # none, and no warning that there is none

    def __init__(
        self,
        levels: Sequence[float] = (0.5, 0.68, 0.9, 0.95),
        constant: Sequence[Sequence[float]] | None = None,
        unit: str = 'mm',
        csv: str | None = None,
        bootstrap: int = 1000,
        seed: int = 0,
    ):
        if unit not in ('mm', 'px'):
            raise ValueError(f"CovarianceCalibration: expected the unit 'mm' or 'px', got {unit!r}")
        if not all(0 < level < 1 for level in levels) or bootstrap < 0:
            raise ValueError(
                'CovarianceCalibration: expected levels between 0 and 1 and a bootstrap of at least 0, '
                f'got {tuple(levels)} and {bootstrap}'
            )
        super().__init__(collect_device='cpu')
        self.levels, self.unit, self.csv = tuple(levels), unit, csv
        self.constant = None if constant is None else _matrices(constant)
        self.bootstrap, self.seed = bootstrap, seed
        self.errors: np.ndarray | None = None
        self.distances: dict[str, np.ndarray] = {}
        self.uncertainties: dict[str, np.ndarray] = {}

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep a batch's error vectors, covariances and scores in image px, and what maps other px to these."""
        for sample in data_samples:
            vectors = error_vectors(sample)
            _, covariances, scores = predicted_points(sample)
            scale = np.ones(2) if self.constant is None else _scale(sample, len(vectors), len(self.constant))
            scatter, freedom = statistics.reader_scatter(_readers(sample, len(vectors)))
            self.results.append(
                dict(
                    key=(sample['img_path'], sample['id']),
                    vectors=vectors,
                    covariances=covariances,
                    scores=scores,
                    scale=own_values(np.tile(scale, (len(vectors), 1)), sample),
                    spacing=sample_spacing(sample) if self.unit == 'mm' else np.ones(2),
                    scatter=scatter,
                    freedom=freedom,
                )
            )

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the numbers, log both tables and write that by landmark if a file is asked for."""
        ordered = each_once(results)
        kept = {name: np.stack([result[name] for result in ordered]) for name in ordered[0] if name != 'key'}
        vectors, candidates, degenerate = self._candidates(kept)
        self.errors = radial(vectors)
        self.distances = {end: statistics.squared_distances(vectors, part) for end, part in candidates.items()}
        self.uncertainties = {end: statistics.sizes(part) for end, part in candidates.items()}
        self.uncertainties |= {'_score': -kept['scores'], '_oracle': self.errors}
        axes = {end: self._axes(candidates[end], kept) for end in ('', '_constant') if end in candidates}
        everything = {end: self._summary(vectors, part) for end, part in candidates.items()} | self._orders()
        by_landmark = self._by_landmark(vectors, candidates, everything, axes[''])
        self._report(everything, by_landmark, degenerate)
        images = [result['key'][0] for result in ordered]
        metrics = self._metrics(vectors, candidates, everything, by_landmark, images)
        metrics |= {f'axis_angle{end}': rows[-1]['axis_angle'] for end, rows in axes.items() if rows}
        return metrics | dict(degenerate=degenerate)

    def _candidates(self, kept: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray], int]:
        """Return error vectors (N, K, 2), what is compared (N, K, 2, 2) and how many covariances are none."""
        spacing = kept['spacing'][:, None]
        vectors = kept['vectors'] * spacing
        finite = np.isfinite(vectors).all(axis=-1) & np.isfinite(kept['scores'])
        known = finite & _positive_definite(kept['covariances'])
        predicted = kept['covariances'] * _outer(spacing)
        candidates = {'': predicted, '_isotropic': statistics.isotropic(predicted)}
        if self.constant is not None:
            constant = self.constant * _outer(kept['scale'] * spacing)
            candidates |= {'_constant': constant, '_constant_isotropic': statistics.isotropic(constant)}
        candidates = {end: np.where(known[..., None, None], part, np.nan) for end, part in candidates.items()}
        return np.where(known[..., None], vectors, np.nan), candidates, int((finite & ~known).sum())

    def _summary(self, vectors: np.ndarray, covariances: np.ndarray) -> dict[str, float]:
        """Return the measures of a candidate, the area named after its unit."""
        measured = statistics.summary(vectors, covariances, self.levels)
        return {f'area_{self.unit}2' if name == 'area' else name: value for name, value in measured.items()}

    def _orders(self) -> dict[str, dict[str, float]]:
        """Return the measures of what orders the landmarks only."""
        area = {end: statistics.risk_area(self.errors, self.uncertainties[end]) for end in ('_score', '_oracle')}
        correlation = statistics.rank_correlation(self.uncertainties['_score'], self.errors)
        return {'_score': dict(correlation=correlation, AURC=area['_score']), '_oracle': dict(AURC=area['_oracle'])}

    def _axes(self, predicted: np.ndarray, kept: dict[str, np.ndarray]) -> list[dict[str, float]] | None:
        """Return each landmark's angle and ratios, then the mean angle; None where no image has two readers."""
        freedom = kept['freedom'].sum(axis=0)
        if not freedom.any():
            return None
        scatter = (kept['scatter'] * _outer(kept['spacing'][:, None])).sum(axis=0)
        known = np.isfinite(predicted)
        means = [np.where(known, predicted, 0).sum(axis=0), scatter]
        counts = [known.sum(axis=0), freedom[:, None, None]]
        predicted, readers = (np.where(n > 0, m / np.maximum(n, 1), np.nan) for m, n in zip(means, counts, strict=True))
        angles, ratios = statistics.axis_angles(predicted, readers), statistics.axis_ratios(readers)
        columns = angles.tolist(), statistics.axis_ratios(predicted).tolist(), ratios.tolist()
        rows = [*zip(*columns, strict=True), (statistics.weighted_angle(angles, ratios), float('nan'), float('nan'))]
        return [dict(zip(('axis_angle', 'axis_ratio', 'readers_ratio'), row, strict=True)) for row in rows]

    def _by_landmark(
        self, vectors: np.ndarray, candidates: dict[str, np.ndarray], everything: dict, axes: list | None
    ) -> list[dict]:
        """Return the rows of the table by landmark: each landmark and all together."""
        rows, count = [], vectors.shape[1]
        for i in [*range(count), slice(None)]:
            last = isinstance(i, slice)
            row = dict(landmark='all' if last else self.dataset_meta['keypoint_id2name'][i])
            row |= everything[''] if last else self._summary(vectors[:, i], candidates[''][:, i])
            if '_constant' in candidates:
                losses = statistics.log_losses(vectors[:, i], candidates['_constant'][:, i])
                row['NLL_constant'] = float(losses[known].mean()) if (known := np.isfinite(losses)).any() else np.nan
            missing = int(np.isnan(vectors[:, i, ..., 0]).sum())
            row |= dict(count=vectors[:, i, ..., 0].size - missing, missing=missing)
            rows.append(row | (axes[-1 if last else i] if axes else {}))
        return rows

    def _metrics(
        self, vectors: np.ndarray, candidates: dict, everything: dict, by_landmark: list[dict], images: list[str]
    ) -> dict[str, float]:
        """Return what a test prints, measure by measure."""
        metrics = {}
        for name in everything['']:
            for end, measured in everything.items():
                if name in measured and not (end.endswith('_isotropic') and name in ('correlation', 'AURC')):
                    metrics[name + end] = measured[name]
            if name.startswith('coverage'):
                metrics[f'{name}_worst'] = float(np.fmin.reduce([row[name] for row in by_landmark[:-1]]))
            if name == 'NLL' and '_constant' in candidates:
                parts = [statistics.log_losses(vectors, candidates[end]) for end in ('_constant', '')]
                ((low, high),) = intervals(parts[0] - parts[1], (), self.bootstrap, self.seed, images).tolist()
                gain = metrics['NLL_constant'] - metrics['NLL']
                metrics |= dict(NLL_gain=gain, NLL_gain_low=low, NLL_gain_high=high)
        return metrics

    def _report(self, everything: dict, by_landmark: list[dict], degenerate: int) -> None:
        logger, names = MMLogger.get_current_instance(), list(everything[''])
        table = [['', *names]]
        table += [[ROWS[end], *(part.get(name, np.nan) for name in names)] for end, part in everything.items()]
        logger.info(f'calibration of covariances\n{_readable(table)}')
        table = [list(by_landmark[0]), *(list(row.values()) for row in by_landmark)]
        logger.info(f'calibration of covariances by landmark\n{_readable(table)}')
        if degenerate:
            logger.warning(f'{degenerate} predictions have no positive definite covariance and are left out')
        if self.csv:
            write_csv(table, self.csv)


def _matrices(rows: Sequence[Sequence[float]]) -> np.ndarray:
    """Return covariances (K, 2, 2) of rows [xx, xy, yy]."""
    given = np.array(rows, dtype=float)
    matrices = given[:, [0, 1, 1, 2]].reshape(-1, 2, 2) if given.ndim == 2 and given.shape[1] == 3 else None
    if matrices is None or not _positive_definite(matrices).all():
        raise InputError(
            f'CovarianceCalibration: expected a constant positive definite [xx, xy, yy] of each keypoint, got {rows}'
        )
    return matrices


def _positive_definite(matrices: np.ndarray) -> np.ndarray:
    xx, xy, yy = (matrices[..., i, j] for i, j in ((0, 0), (0, 1), (1, 1)))
    return np.isfinite(matrices).all(axis=(-2, -1)) & (xx > 0) & (xx * yy > xy * xy)


def _outer(scales: np.ndarray) -> np.ndarray:
    """Return what covariances (..., 2, 2) are multiplied with when x and y are with scales (..., 2)."""
    return scales[..., :, None] * scales[..., None, :]


def _scale(sample: dict, count: int, expected: int) -> np.ndarray:
    """Return the size of an input px in the image, (2,)."""
    if count != expected:
        raise InputError(f'{sample["img_path"]}: expected {expected} keypoints as in the constant, got {count}')
    if missing := {'input_scale', 'input_size'} - set(sample):
        raise InputError(
            f'{sample["img_path"]}: expected {" and ".join(sorted(missing))} to map the constant covariances to the '
            "image, got none; give PackPoseInputs' meta_keys them"
        )
    return np.asarray(sample['input_scale'], dtype=float) / np.asarray(sample['input_size'], dtype=float)


def _readers(sample: dict, count: int) -> np.ndarray:
    """Return the points (R, K, 2) of a sample's readers, NaN where one has none."""
    annotation = sample.get('raw_ann_info')
    readers = annotation.get('readers', {}) if isinstance(annotation, dict) else {}
    points = np.array(list(readers.values()), dtype=float).reshape(-1, count, 3)
    return np.where(points[..., 2:] > 0, points[..., :2], np.nan)


def _readable(table: list[list]) -> str:
    coarse = [name.startswith(('coverage', 'ECE', 'axis_angle')) for name in table[0]]
    return aligned(table, ['.1f' if is_coarse else '.3f' for is_coarse in coarse])
