"""The mean radial error and the detection rates of landmarks."""

from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmpose.registry import METRICS

from hybridkp.evaluation.radial_statistics import detection_rates, intervals, mean_and_deviation, radial
from hybridkp.evaluation.sample_errors import error_vectors, sample_spacing
from hybridkp.evaluation.sample_points import each_once
from hybridkp.evaluation.text_table import aligned, write_csv


@METRICS.register_module()
class RadialError(BaseMetric):
    """Measure how far landmarks are from their reference, in mm: MRE, SD and SDR as in the ISBI challenges.

    ``MRE_mm`` is the mean distance over all landmarks of all images, ``SD_mm`` its standard deviation (N - 1) and
    ``SDR_2mm`` the share in per cent of the landmarks that are at most 2 mm away; ``_low`` and ``_high`` are the ends
    of a 95 % interval from a bootstrap over images. ``MRE_px`` and ``SD_px`` are the same in image px. Landmarks
    without a label are left out, and so are predictions that are not finite; ``missing`` counts both. NaN stands
    where there is nothing to measure. A table by landmark goes to the log.

    A sample has ``pixel_spacing`` (2,), mm per px along x and y, in its meta information.

    Args:
        unit: ``'mm'``, or ``'px'`` where no pixel's size is known: then there are only the px numbers.
        thresholds: of the detection rates, in that unit.
        csv: the file that the table goes to as well, written whole or not at all.
        bootstrap: how often the images are drawn; 0 for no intervals.
        seed: of the draws.
    """

    default_prefix = ''  # none, and no warning that there is none

    def __init__(
        self,
        unit: str = 'mm',
        thresholds: Sequence[float] = (2, 2.5, 3, 4),
        csv: str | None = None,
        bootstrap: int = 1000,
        seed: int = 0,
    ):
        if unit not in ('mm', 'px'):
            raise ValueError(f"RadialError: expected the unit 'mm' or 'px', got {unit!r}")
        if any(threshold <= 0 for threshold in thresholds) or bootstrap < 0:
            raise ValueError(
                'RadialError: expected thresholds above 0 and a bootstrap of at least 0, '
                f'got {tuple(thresholds)} and {bootstrap}'
            )
        super().__init__(collect_device='cpu')
        self.unit, self.thresholds = unit, tuple(thresholds)
        self.csv, self.bootstrap, self.seed = csv, bootstrap, seed

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep a batch's error vectors (K, 2) in px: NaN without a label, infinite without a finite prediction."""
        for sample in data_samples:
            vectors = error_vectors(sample)
            spacing = sample_spacing(sample) if self.unit == 'mm' else None
            self.results.append(dict(key=(sample['img_path'], sample['id']), vectors=vectors, spacing=spacing))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the numbers, log the table by landmark and write it if a file is asked for."""
        ordered = each_once(results)
        vectors = np.stack([result['vectors'] for result in ordered])
        in_px = in_unit = radial(vectors)
        if self.unit == 'mm':
            in_unit = radial(vectors, np.stack([result['spacing'] for result in ordered])[:, None])
        self._report(in_unit)
        return self._metrics(in_unit, in_px, [result['key'][0] for result in ordered])

    def _metrics(self, in_unit: np.ndarray, in_px: np.ndarray, images: list[str]) -> dict[str, float]:
        unit, (mean, deviation) = self.unit, mean_and_deviation(in_unit)
        bounds = intervals(in_unit, self.thresholds, self.bootstrap, self.seed, images).tolist()
        metrics = {f'MRE_{unit}': mean, f'SD_{unit}': deviation}
        metrics |= {f'MRE_{unit}_low': bounds[0][0], f'MRE_{unit}_high': bounds[0][1]}
        rates = detection_rates(in_unit, self.thresholds)
        for threshold, rate, (low, high) in zip(self.thresholds, rates, bounds[1:], strict=True):
            name = f'SDR_{threshold:g}{unit}'
            metrics |= {name: rate, f'{name}_low': low, f'{name}_high': high}
        metrics['MRE_px'], metrics['SD_px'] = mean_and_deviation(in_px)  # in px they have their place already
        return metrics | dict(missing=int((~np.isfinite(in_unit)).sum()))

    def _report(self, errors: np.ndarray) -> None:
        logger, table = MMLogger.get_current_instance(), self._table(errors)
        logger.info(f'radial errors by landmark\n{aligned(table)}')
        if (not_finite := np.isinf(errors).sum()) > 0:
            logger.warning(f'{not_finite} predictions are not finite; they are among the missing landmarks')
        if self.csv:
            write_csv(table, self.csv)

    def _table(self, errors: np.ndarray) -> list[list]:
        """Return the rows of the table: what the columns are, each landmark, and all together."""
        names = [self.dataset_meta['keypoint_id2name'][i] for i in range(errors.shape[1])]
        rates = [f'SDR_{threshold:g}{self.unit}' for threshold in self.thresholds]
        rows = [['landmark', f'MRE_{self.unit}', f'SD_{self.unit}', *rates, 'count', 'missing']]
        for name, part in [*zip(names, errors.T, strict=True), ('all', errors)]:
            count = int(np.isfinite(part).sum())
            measured = [*mean_and_deviation(part), *detection_rates(part, self.thresholds)]
            rows.append([name, *measured, count, part.size - count])
        return rows
