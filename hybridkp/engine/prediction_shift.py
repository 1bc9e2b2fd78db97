"""How far settings of inference move keypoints, and the guard that refuses those that move them too far."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from hybridkp.engine.inference_settings import InferenceSettings
from hybridkp.errors import InputError

IMAGES = 16
"""How many images of a test set are looked at."""
CONFIDENT = 0.3
"""Keypoints with a higher score are looked at. In maps with a lower peak others are as high, and rounding chooses."""
TIES = 100
"""Of so many keypoints one may go farther: of two peaks that are equally high rounding chooses."""


class PredictionShift(NamedTuple):
    """How far the confident keypoints of a sample of images moved.

    Args:
        movements: in px of the input, largest first, not a number counting as infinitely far.
        places: what each of them is, in words.
        images: how many images were looked at.
    """

    movements: Sequence[float]
    places: Sequence[str]
    images: int

    @property
    def decisive(self) -> float:
        """What a bound is held against: the largest movement after one of every `TIES` keypoints is left out."""
        return self.movements[len(self.movements) // TIES]

    def __str__(self) -> str:
        """Say what moved farthest."""
        number = len(self.movements)
        return (
            f'{self.places[0]} by {self.movements[0]:.3g} px of the input, the farthest of {number} keypoints with a '
            f'score above {CONFIDENT} in {self.images} images, half of which move by less than '
            f'{float(np.median(self.movements)):.2g} px'
        )


def apply_guarded(
    settings: InferenceSettings, model: nn.Module, loader: DataLoader, max_shift: float = 0.1
) -> PredictionShift | None:
    """Apply settings to a model unless they move its predictions too far on images spread over a test set.

    Looked at are the keypoints whose score is above `CONFIDENT` without the settings. One in every hundred may move
    farther than the bound, of fewer than a hundred none.

    Args:
        settings: the settings.
        model: the network, loaded and on its device.
        loader: that of the test set.
        max_shift: the bound in px of the input.

    Returns:
        What was measured, or None where there is nothing to measure: no settings or no bound.

    Raises:
        InputError: if keypoints move farther, or none is confident, so that nobody can tell.
    """
    if not max_shift >= 0:
        raise InputError(f'--max-shift is a distance in px, got {max_shift}')
    size = loader.batch_size or IMAGES
    if settings == InferenceSettings() or max_shift == float('inf'):
        settings.apply(model, size)
        return None
    numbers = np.unique(np.linspace(0, len(loader.dataset) - 1, IMAGES).astype(int))
    images = [loader.dataset[int(number)] for number in numbers]
    batches = [images[start : start + size] for start in range(0, len(images), size)]
    before = _predict(model, [loader.collate_fn(batch) for batch in batches])
    settings.apply(model, size)
    after = _predict(model, [loader.collate_fn(batch) for batch in batches])
    shift = _compare(before, after, loader.dataset.metainfo.get('keypoint_id2name', {}))
    if shift is None:
        raise InputError(
            f'expected keypoints with a score above {CONFIDENT} to tell what {settings} does, got none in '
            f'{len(images)} images; --max-shift inf takes it unseen'
        )
    if not shift.decisive <= max_shift:
        beyond = sum(movement > max_shift for movement in shift.movements)
        raise InputError(f'{settings} moves {beyond} keypoints by more than {max_shift:g} px (--max-shift): {shift}')
    return shift


class _Predictions(NamedTuple):
    """Points (N, K, 2) in px of the input, scores (N, K) and the names (N,) of the images."""

    points: np.ndarray
    scores: np.ndarray
    names: list[str]


@torch.no_grad()
def _predict(model: nn.Module, batches: list[dict]) -> _Predictions:
    points, scores, names = [], [], []
    model.eval()
    for batch in batches:
        for sample in model.test_step(batch):
            crop, pred = sample.metainfo, sample.pred_instances
            if len(pred.keypoints) != 1:
                raise InputError(
                    f'expected one instance an image to tell what settings do, got {len(pred.keypoints)}; '
                    '--max-shift inf takes them unseen'
                )
            points.append(pred.keypoints[0] / (np.asarray(crop['input_scale']) / np.asarray(crop['input_size'])))
            scores.append(np.where(crop.get('own_keypoints', True), pred.keypoint_scores[0], 0))  # others' are unused
            names.append(str(crop.get('img_path', f'image {len(names)}')))
    return _Predictions(np.stack(points), np.stack(scores), names)


def _compare(before: _Predictions, after: _Predictions, keypoint_names: dict[int, str]) -> PredictionShift | None:
    movements = np.linalg.norm(after.points - before.points, axis=-1)
    movements = np.where(np.isfinite(movements), movements, np.inf)
    samples, keypoints = np.nonzero(before.scores > CONFIDENT)
    if not len(samples):
        return None
    movements = movements[samples, keypoints]
    order = np.argsort(-movements, kind='stable')
    places = [f'{keypoint_names.get(int(keypoints[i]), keypoints[i])} of {before.names[samples[i]]}' for i in order]
    return PredictionShift([float(movements[i]) for i in order], places, len(before.names))
