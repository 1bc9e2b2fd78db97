"""What a COCO keypoint file tells of its skeleton."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from hybridkp.datasets.coco_json import is_labelled, read_annotations, read_json
from hybridkp.datasets.mirror_names import lateral_names, mirrored_pairs
from hybridkp.errors import InputError
from hybridkp.ops.reader_scatter import reader_scatter

SIGMA = 0.05
"""OKS sigma where nothing is known: between those of COCO's eyes (0.025) and hips (0.107)."""

SIGMAS = (0.005, 0.2)
"""Bounds of the sigmas that are measured."""


@dataclass(frozen=True)
class KeypointSet:
    """The K keypoints of a set.

    Args:
        names: K names that differ.
        links: pairs of names.
        flip_pairs: pairs of names, the left one first, guessed from the names.
        sigmas: K OKS sigmas.
        notes: what a user should look at, a sentence each.
    """

    names: list[str]
    links: list[tuple[str, str]]
    flip_pairs: list[tuple[str, str]]
    sigmas: list[float]
    notes: list[str]

    @property
    def mirrors(self) -> bool:
        """Whether images may be mirrored: there are pairs, and no name says left or right without one."""
        paired = {name for pair in self.flip_pairs for name in pair}
        return bool(self.flip_pairs) and not set(lateral_names(self.names)) - paired


def read_keypoint_set(path: str) -> tuple[KeypointSet, dict]:
    """Read a file, check it, and tell its keypoints.

    Returns:
        The set, and the content of the file.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if it is no COCO keypoint file, or a record is wrong; the message names both.
    """
    coco = read_json(path)
    if not isinstance(coco, dict) or not isinstance(coco.get('annotations'), list):
        raise InputError(f'{path}: expected COCO keypoint annotations, a dict with images, annotations and categories')
    category = _category(coco.get('categories') or [], path)
    names, notes = _names(category, coco['annotations'], path)
    read_annotations(path, len(names), names)
    links = _links(category.get('skeleton') or [], names, path)
    notes += [] if links else ['the file has no links (categories: skeleton); pictures will show points alone']
    pairs = mirrored_pairs(names)
    single = sorted(set(lateral_names(names)) - {name for pair in pairs for name in pair})
    if single:
        notes.append(f'these names say left or right and have no partner, so that nothing is mirrored: {single}')
    sigmas, rule = _sigmas(coco, len(names))
    return KeypointSet(names, links, pairs, sigmas, [*notes, rule]), coco


def _category(categories: list, path: str) -> dict:
    """Give the category that names the keypoints; all that name some have to name the same."""
    named = [category for category in categories if isinstance(category, dict) and category.get('keypoints')]
    for category in named[1:]:
        if category['keypoints'] != named[0]['keypoints']:
            raise InputError(
                f'{path}: expected categories with the same keypoints, got others for {category.get("name")} than for '
                f'{named[0].get("name")}'
            )
    return named[0] if named else {}


def _names(category: dict, annotations: Sequence[dict], path: str) -> tuple[list[str], list[str]]:
    if names := category.get('keypoints'):
        if len(set(map(str, names))) < len(names):
            raise InputError(f'{path}: expected keypoint names that differ, got {names}')
        return list(map(str, names)), []
    lengths = {len(a['keypoints']) for a in annotations if isinstance(a, dict) and isinstance(a.get('keypoints'), list)}
    if len(lengths) != 1 or min(lengths) % 3 or not min(lengths):
        raise InputError(f'{path}: expected a category with keypoint names, or annotations with as many keypoints each')
    names = [f'keypoint{i}' for i in range(min(lengths) // 3)]
    return names, [f'the file names no keypoints (categories: keypoints); they are called {names[0]} to {names[-1]}']


def _links(links: Sequence, names: Sequence[str], path: str) -> list[tuple[str, str]]:
    """Turn COCO's links, which count from 1, or others', which count from 0, into pairs of names."""
    try:
        numbers = [(int(first), int(second)) for first, second in links]
    except (TypeError, ValueError) as error:
        raise InputError(f'{path}: expected links as pairs of numbers in the category, got {links}') from error
    ends = [number for link in numbers for number in link]
    start = 0 if ends and min(ends) == 0 else 1
    if ends and not start <= min(ends) <= max(ends) < len(names) + start:
        raise InputError(f'{path}: expected links between the keypoints 1 to {len(names)} in the category, got {links}')
    pairs = [(names[first - start], names[second - start]) for first, second in numbers if first != second]
    return list(dict.fromkeys(pairs))


def _sigmas(coco: dict, count: int) -> tuple[list[float], str]:
    """Give K sigmas and the rule that they follow.

    COCO's rule: sigma^2 is the mean of d^2 / s^2, where d is how far a reader is from the consensus and s^2 the
    object's area (Ronchi and Perona 2017, "Benchmarking and error diagnosis in multi-instance pose estimation").
    """
    read = [a for a in coco['annotations'] if a.get('readers') and is_labelled(a)]
    names = sorted({name for annotation in read for name in annotation['readers']})
    constant = (
        [SIGMA] * count,
        (
            f'OKS sigmas are {SIGMA:g} for all: OKS falls to 0.5 at {235.5 * SIGMA:.0f} % of sqrt(area); a smaller one '
            'makes AP stricter'
        ),
    )
    if len(names) < 2:
        return constant
    nobody = [0] * (3 * count)
    marks = torch.tensor(
        [[a['readers'].get(name, nobody) for name in names] for a in read], dtype=torch.float64
    ).unflatten(-1, (count, 3))
    sides = torch.tensor([max(_area(annotation), 1.0) for annotation in read], dtype=torch.float64).sqrt()
    scatter = reader_scatter(marks[..., :2] / sides[:, None, None, None], marks[..., 2])
    measured = scatter.diagonal(dim1=-2, dim2=-1).sum(dim=-1).sqrt().tolist()
    if not all(map(math.isfinite, measured)):
        return constant
    low, high = SIGMAS
    return [round(min(max(sigma, low), high), 4) for sigma in measured], (
        f'OKS sigmas are the scatter of {len(names)} readers over sqrt(area), between {low:g} and {high:g}'
    )


def _area(annotation: dict) -> float:
    return annotation.get('area') or annotation['bbox'][2] * annotation['bbox'][3]
