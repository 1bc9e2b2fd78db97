"""Splits and folds of COCO annotations."""

import math
from collections.abc import Mapping, Sequence

import torch


def split_names(count: int, fractions: Mapping[str, float], seed: int) -> list[str]:
    """Deal frames out to splits at random, as ``torch.utils.data.random_split`` does for the same seed.

    Each split but the last gets its fraction, rounded down; the last gets the rest. With 0.8, 0.1 and 0.1 and
    seed 42 these are lightning-pose's own splits.

    Args:
        count: How many frames there are.
        fractions: The splits' names and shares of all frames, above 0, 1 in sum.
        seed: The seed of the permutation.

    Returns:
        For each frame the name of its split.
    """
    if not fractions or min(fractions.values()) <= 0 or not math.isclose(sum(fractions.values()), 1):
        raise ValueError(f'expected fractions above 0 that sum to 1, got {dict(fractions)}')
    sizes = [math.floor(count * fraction + 1e-9) for fraction in fractions.values()]
    sizes[-1] = count - sum(sizes[:-1])
    if min(sizes) == 0:
        raise ValueError(f'expected at least one frame in each split, got {dict(zip(fractions, sizes, strict=True))}')
    dealt = [name for name, size in zip(fractions, sizes, strict=True) for _ in range(size)]
    names = [''] * count
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
    for name, frame in zip(dealt, order, strict=True):
        names[frame] = name
    return names


def fold_names(count: int, folds: int, seed: int) -> list[int]:
    """Deal frames out to folds at random, evenly: for each frame the number of its fold, from 0."""
    if not 2 <= folds <= count:
        raise ValueError(f'expected 2 folds to {count}, one frame in each at least, got {folds}')
    fold_of = [0] * count
    for i, frame in enumerate(torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()):
        fold_of[frame] = i % folds
    return fold_of


def split_coco(coco: dict, fractions: Mapping[str, float], seed: int) -> dict[str, dict]:
    """Split COCO annotations by image, at random; each split keeps the file's order and all other entries."""
    parts = part_coco(coco, split_names(len(coco['images']), fractions, seed))
    return {name: parts[name] for name in fractions}


def block_names(count: int, blocks: int) -> list[int]:
    """Deal frames out to blocks of consecutive ones, evenly: for each frame the number of its block, from 0."""
    if not 2 <= blocks <= count:
        raise ValueError(f'expected 2 blocks to {count}, one frame in each at least, got {blocks}')
    return [i * blocks // count for i in range(count)]


def fold_coco(coco: dict, fold_of: Sequence[int]) -> list[dict[str, dict]]:
    """Make COCO annotations to train on and to validate on, once a fold; each image is in one ``val`` only.

    Args:
        coco: COCO annotations.
        fold_of: For each image the number of its fold, see `fold_names` and `block_names`.
    """
    return [part_coco(coco, ['val' if fold == i else 'train' for fold in fold_of]) for i in range(max(fold_of) + 1)]


def part_coco(coco: dict, names: Sequence[str]) -> dict[str, dict]:
    """Part COCO annotations by image: ``names`` has, for each image, the name of its part."""
    part_of = {image['id']: name for image, name in zip(coco['images'], names, strict=True)}
    return {
        part: coco
        | dict(
            images=[image for image in coco['images'] if part_of[image['id']] == part],
            annotations=[a for a in coco['annotations'] if part_of[a['image_id']] == part],
        )
        for part in dict.fromkeys(names)
    }
