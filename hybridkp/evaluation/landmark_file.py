"""Predicted landmarks as a table."""

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmpose.registry import METRICS

from hybridkp.evaluation.sample_errors import sample_spacing
from hybridkp.evaluation.sample_points import each_once, image_names, predicted_points
from hybridkp.evaluation.text_table import write_csv
from hybridkp.ops.covariance import to_sigmas, transform

COLUMNS = ('image', 'landmark', 'unit', 'x', 'y', 'sd_major', 'sd_minor', 'angle_deg', 'score')


@METRICS.register_module()
class LandmarkFile(BaseMetric):
    """Write the predicted landmarks as a CSV file, one row a sample and landmark, ordered by image.

    ``x`` and ``y`` are measured from the centre of the image's first pixel to the right and downwards, ``sd_major``
    and ``sd_minor`` are the standard deviations along the long and the short axis of the predicted covariance, and
    ``angle_deg`` is the long axis' angle, above -90 and up to 90 degrees, from the x axis towards the y axis. Numbers
    that are not finite are empty cells. There is nothing to measure.

    Args:
        path: the file, written whole or not at all.
        unit: ``'mm'``, where samples have ``pixel_spacing`` (2,), mm per px along x and y, in their meta information,
            or ``'px'`` of the image.
    """

    default_prefix = ''  # none, and no warning that there is none

    def __init__(self, path: str, unit: str = 'mm'):
        if unit not in ('mm', 'px'):
            raise ValueError(f"LandmarkFile: expected the unit 'mm' or 'px', got {unit!r}")
        super().__init__(collect_device='cpu')
        self.path, self.unit = path, unit

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep a batch's numbers (K, 6), in the order of the columns."""
        for sample in data_samples:
            points, covariances, scores = predicted_points(sample)
            scale = sample_spacing(sample) if self.unit == 'mm' else np.ones(2)
            scaled = transform(torch.from_numpy(covariances), torch.diag(torch.from_numpy(scale)))
            major, minor, direction = (value.numpy() for value in to_sigmas(scaled))
            numbers = np.column_stack((points * scale, major, minor, np.degrees(direction), scores))
            self.results.append(dict(key=(sample['img_path'], sample['id']), numbers=numbers))

    def compute_metrics(self, results: list) -> dict:
        """Write the file."""
        ordered, table = each_once(results), [COLUMNS]
        images = image_names([result['key'][0] for result in ordered])
        for result, image in zip(ordered, images, strict=True):
            for i, numbers in enumerate(result['numbers'].tolist()):
                table.append([image, self.dataset_meta['keypoint_id2name'][i], self.unit, *numbers])
        write_csv(table, self.path)
        return {}
