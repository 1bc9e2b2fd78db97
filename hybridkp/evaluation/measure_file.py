"""Angles and distances between landmarks as a table, and whether their standard deviations can be trusted."""

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmpose.registry import METRICS

from hybridkp.errors import InputError
from hybridkp.evaluation.sample_errors import sample_spacing
from hybridkp.evaluation.sample_points import each_once, image_names, labelled_points, predicted_points
from hybridkp.evaluation.text_table import aligned, write_csv
from hybridkp.ops.covariance import transform
from hybridkp.ops.measures import compose, is_angle, landmarks, propagate

COLUMNS = ('image', 'measure', 'unit', 'value', 'sd', 'reference', 'error', 'z')
WITHIN = 1.96
"""So many standard deviations to either side hold 95 % of a Gaussian."""


@METRICS.register_module()
class MeasureFile(BaseMetric):
    """Write the skeleton's measures as a CSV file, one row a sample and measure, and say how good they are.

    ``value`` is taken of the predicted points and ``sd`` propagated from their covariances, ``reference`` is taken
    of the labelled points, ``error`` is value minus reference and ``z`` error over sd. What is not defined, as where a
    label is missing, is an empty cell. Angles are in degrees, measured in mm wherever a sample has its
    ``pixel_spacing`` (2,), mm per px along x and y: where pixels are not square, angles in px are wrong.

    The metrics are, for each measure, ``NAME_MAE``, the mean absolute error, and ``NAME_within_95``, how many per
    cent of the errors are at most 1.96 standard deviations: about 95 if these can be trusted. NaN stands where there
    is nothing to measure. A table by measure goes to the log.

    Args:
        path: the file, written whole or not at all.
        unit: of distances, ``'mm'``, or ``'px'`` of the image where no pixel's size is known.
    """

    default_prefix = ''  # none, and no warning that there is none

    def __init__(self, path: str, unit: str = 'mm'):
        if unit not in ('mm', 'px'):
            raise ValueError(f"MeasureFile: expected the unit 'mm' or 'px', got {unit!r}")
        super().__init__(collect_device='cpu')
        self.path, self.unit = path, unit

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep a batch's points, covariances and labels in image px and the size of its pixels, if it is known."""
        if not self.dataset_meta.get('measures'):
            raise InputError(
                f'skeleton {self.dataset_meta.get("dataset_name")}: expected measures to write a file of, got none; '
                "define some in the skeleton, as in measures=dict(SNA=('angle', 'S', 'N', 'A'))"
            )
        for sample in data_samples:
            points, covariances, _ = predicted_points(sample)
            known = self.unit == 'mm' or sample.get('pixel_spacing') is not None
            self.results.append(
                dict(
                    key=(sample['img_path'], sample['id']),
                    points=points,
                    covariances=covariances,
                    labels=labelled_points(sample),
                    spacing=sample_spacing(sample) if known else np.ones(2),
                )
            )

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Write the file, log the table by measure and compute the numbers."""
        ordered = each_once(results)
        kept = {name: _stack([result[name] for result in ordered]) for name in ordered[0] if name != 'key'}
        measured = {name: self._measure(name, kept) for name in self.dataset_meta['measures']}
        table = [COLUMNS]
        for i, image in enumerate(image_names([result['key'][0] for result in ordered])):
            table += [[image, name, self._unit(name), *rows[i].tolist()] for name, rows in measured.items()]
        write_csv(table, self.path)
        summaries = {name: _summary(rows) for name, rows in measured.items()}
        self._report(summaries)
        return {f'{name}_{what}': summary[what] for name, summary in summaries.items() for what in ('MAE', 'within_95')}

    def _measure(self, name: str, kept: dict[str, torch.Tensor]) -> np.ndarray:
        """Return a measure's value, sd, reference, error and z (N, 5)."""
        definitions, ids = self.dataset_meta['measures'], self.dataset_meta['keypoint_name2id']
        used = landmarks(name, definitions)  # no others: one that is not finite would spoil all measures
        measure, chosen = compose(name, definitions, used), [ids[landmark] for landmark in used]
        scale = kept['spacing'] if self._unit(name) != 'px' else torch.ones_like(kept['spacing'])
        covariances = transform(kept['covariances'][:, chosen], torch.diag_embed(scale)[:, None])
        value, deviation = propagate(measure, kept['points'][:, chosen] * scale[:, None], covariances)
        reference = measure(kept['labels'][:, chosen] * scale[:, None])
        error = value - reference
        return torch.stack((value, deviation, reference, error, error / deviation), dim=1).numpy()

    def _unit(self, name: str) -> str:
        return 'deg' if is_angle(name, self.dataset_meta['measures']) else self.unit

    def _report(self, summaries: dict[str, dict]) -> None:
        rows = [[name, self._unit(name), *summary.values()] for name, summary in summaries.items()]
        table = [['measure', 'unit', *next(iter(summaries.values()))], *rows]
        MMLogger.get_current_instance().info(f'measures\n{aligned(table)}')


def _stack(arrays: Sequence[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(arrays))


def _summary(rows: np.ndarray) -> dict[str, float | int]:
    """Return what is said of a measure; rows are value, sd, reference, error and z (N, 5)."""
    _, deviations, _, errors, z = rows.T
    known = np.isfinite(errors)
    return dict(
        MAE=_mean(np.abs(errors[known])),
        mean_sd=_mean(deviations[np.isfinite(deviations)]),
        within_95=100 * _mean(np.abs(z[~np.isnan(z)]) <= WITHIN),
        count=int(known.sum()),
        missing=int((~known).sum()),
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float('nan')
