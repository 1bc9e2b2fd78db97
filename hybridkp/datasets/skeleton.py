"""From the short form of a skeleton in a config to the meta information that mmpose works with."""

import colorsys
from pathlib import Path

import numpy as np
from mmengine.config import Config

from hybridkp.errors import InputError
from hybridkp.ops.measures import DIFFERENCE, KINDS, is_angle

REQUIRED = ('name', 'keypoints', 'flip_pairs', 'links', 'sigmas')
OPTIONAL = ('upper_body', 'measures')
LEFT, RIGHT, CENTRE = (0, 255, 0), (255, 128, 0), (51, 153, 255)


def read_skeleton(path: str) -> dict:
    """Read the skeleton of a config and check it.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it has no skeleton, or a wrong one.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'config {path} does not exist')
    try:
        skeleton = Config.fromfile(path)['skeleton'].to_dict()
        skeleton_metainfo(skeleton)
    except (AttributeError, KeyError, ValueError, SyntaxError) as error:
        raise InputError(f'config {path}: expected a skeleton: {error}') from error
    return skeleton


def skeleton_metainfo(skeleton: dict) -> dict:
    """Turn a skeleton into the meta information that mmpose's metrics, transforms and visualizers expect.

    Args:
        skeleton: ``name``, ``keypoints`` (K names), ``flip_pairs`` (pairs of names that change places in a
            mirror, the left one first), ``links`` (pairs of names), ``sigmas`` (K OKS sigmas, positive) and,
            where half bodies make sense, ``upper_body`` (names; all others are then the lower body). ``measures``
            may name angles and distances: ``('angle', A, B, C)`` at B, ``('line_angle', A, B, C, D)`` between the
            directions A to B and C to D, ``('distance', A, B)``, ``('point_to_line', P, A, B)``, positive on the right
            of who looks from A to B, and ``('difference', M, N)`` of two other measures, in any order: a config that
            mmengine wrote has them by the alphabet.

    Returns:
        The keys of mmpose's parsed meta information. Colours are RGB, 0..255: left, right and centre where
        the skeleton has mirrored pairs, else a colour wheel. All keypoint weights are 1. ``flip_pairs`` holds
        each pair both ways. ``measures`` is added as it is, empty where there are none.

    Raises:
        ValueError: a key or a name is unknown, missing or given twice, or a length does not fit.
    """
    _check_keys(skeleton)
    name, names, sigmas = skeleton['name'], list(skeleton['keypoints']), list(skeleton['sigmas'])
    ids = {keypoint: i for i, keypoint in enumerate(names)}
    if len(ids) != len(names):
        twice = sorted({keypoint for keypoint in names if names.count(keypoint) > 1})
        raise ValueError(f'skeleton {name}: expected keypoint names that differ, got {twice} more than once')
    if len(sigmas) != len(names):
        raise ValueError(f'skeleton {name}: expected {len(names)} sigmas, one per keypoint, got {len(sigmas)}')
    if not all(np.isfinite(sigma) and sigma > 0 for sigma in sigmas):
        raise ValueError(f'skeleton {name}: expected finite sigmas above 0, got {sigmas}')
    pairs = [_pair_ids(pair, ids, f'skeleton {name}: flip_pairs') for pair in skeleton['flip_pairs']]
    links = [_pair_ids(link, ids, f'skeleton {name}: links') for link in skeleton['links']]
    sides = _sides(pairs, names, name)
    has_halves = 'upper_body' in skeleton
    upper = {_name_id(keypoint, ids, f'skeleton {name}: upper_body') for keypoint in skeleton.get('upper_body', ())}
    mirrored = dict(pairs + [(b, a) for a, b in pairs])
    return dict(
        dataset_name=name,
        num_keypoints=len(names),
        keypoint_id2name=dict(enumerate(names)),
        keypoint_name2id=ids,
        upper_body_ids=sorted(upper),
        lower_body_ids=[i for i in range(len(names)) if i not in upper] if has_halves else [],
        flip_indices=[mirrored.get(i, i) for i in range(len(names))],
        flip_pairs=[(mirrored[i], i) for i in range(len(names)) if i in mirrored],
        keypoint_colors=np.array(_colours(sides, bool(pairs)), dtype=np.uint8).reshape(-1, 3),
        num_skeleton_links=len(links),
        skeleton_links=links,
        skeleton_link_colors=np.array(
            _colours([_link_side(sides, link) for link in links], bool(pairs)), dtype=np.uint8
        ).reshape(-1, 3),
        dataset_keypoint_weights=np.ones(len(names), dtype=np.float32),
        sigmas=np.array(sigmas, dtype=np.float32),
        measures=_measures(skeleton.get('measures', {}), ids, name),
    )


def _check_keys(skeleton: dict) -> None:
    missing = [key for key in REQUIRED if key not in skeleton]
    unknown = [key for key in skeleton if key not in REQUIRED + OPTIONAL]
    if missing or unknown:
        raise ValueError(
            f'skeleton: expected the keys {list(REQUIRED)} and perhaps {list(OPTIONAL)}, '
            f'got {list(skeleton)}: missing {missing}, unknown {unknown}'
        )
    if not skeleton['keypoints']:
        raise ValueError(f'skeleton {skeleton["name"]}: expected at least one keypoint, got none')


def _name_id(keypoint: str, ids: dict, where: str) -> int:
    if keypoint not in ids:
        raise ValueError(f'{where}: expected one of {list(ids)}, got {keypoint!r}')
    return ids[keypoint]


def _pair_ids(pair: tuple, ids: dict, where: str) -> tuple:
    if len(pair) != 2 or isinstance(pair, str):
        raise ValueError(f'{where}: expected a pair of keypoint names, got {pair!r}')
    first, second = (_name_id(keypoint, ids, where) for keypoint in pair)
    if first == second:
        raise ValueError(f'{where}: expected two different keypoints, got {tuple(pair)}')
    return first, second


def _measures(measures: dict, ids: dict, name: str) -> dict:
    if not isinstance(measures, dict):
        raise ValueError(f'skeleton {name}: measures: expected a dict of definitions by names, got {measures!r}')
    checked, left = {}, list(measures)
    while left:
        measure = next((one for one in left if not _waits(measures[one], left)), left[0])
        _check_measure(measures[measure], ids, checked, f'skeleton {name}: measures: {measure}')
        checked[measure] = tuple(measures[measure])
        left.remove(measure)
    return checked


def _waits(definition: tuple, left: list) -> bool:
    """Say whether a definition is that of a difference of measures of which one is left to be checked."""
    return list(definition[:1]) == [DIFFERENCE] and any(part in left for part in definition[1:])


def _check_measure(definition: tuple, ids: dict, before: dict, where: str) -> None:
    is_sequence = isinstance(definition, list | tuple) and definition
    if not is_sequence or not all(isinstance(part, str) for part in definition):
        raise ValueError(f'{where}: expected (kind, name, name, ...), got {definition!r}')
    kind, *parts = definition
    if kind != DIFFERENCE and kind not in KINDS:
        raise ValueError(f'{where}: expected one of the kinds {[*KINDS, DIFFERENCE]}, got {kind!r}')
    count = 2 if kind == DIFFERENCE else KINDS[kind].count
    if len(parts) != count:
        raise ValueError(f'{where}: expected {count} names after {kind!r}, got {len(parts)}: {parts}')
    for part in parts:
        if kind != DIFFERENCE:
            _name_id(part, ids, where)
        elif part not in before:
            raise ValueError(f'{where}: expected one of the other measures, {list(before)}, got {part!r}')
    for points in (parts[:2], parts[2:]) if kind == 'line_angle' else (parts,):
        if len(set(points)) != len(points):
            raise ValueError(f'{where}: expected names that differ, got {points}')
    if kind == DIFFERENCE and len({is_angle(part, before) for part in parts}) > 1:
        raise ValueError(f'{where}: expected two angles or two distances, got one of each: {parts}')


def _sides(pairs: list, names: list, name: str) -> list:
    """Say for each keypoint whether it is a left (-1), a right (+1) or a centre (0) one."""
    sides = [0] * len(names)
    for pair in pairs:
        for i, side in zip(pair, (-1, 1), strict=True):
            if sides[i]:
                raise ValueError(f'skeleton {name}: flip_pairs: expected each keypoint once, got {names[i]!r} again')
            sides[i] = side
    return sides


def _link_side(sides: list, link: tuple) -> int:
    """A link is on the side of its ends; one from left to right is in the centre."""
    return max(-1, min(1, sides[link[0]] + sides[link[1]]))


def _colours(sides: list, has_pairs: bool) -> list:
    """Give RGB colours in 0..255: by side, or around the colour wheel where there are no sides."""
    if has_pairs:
        return [{-1: LEFT, 0: CENTRE, 1: RIGHT}[side] for side in sides]
    wheel = (colorsys.hsv_to_rgb(i / len(sides), 1, 1) for i in range(len(sides)))
    return [tuple(round(255 * channel) for channel in colour) for colour in wheel]
