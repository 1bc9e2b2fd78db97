"""Random splits of COCO annotations."""

import math
from collections.abc import Mapping

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


def split_coco(coco: dict, fractions: Mapping[str, float], seed: int) -> dict[str, dict]:
    """Split COCO annotations by image, at random; each split keeps the file's order and all other entries."""
    split_of = dict(
        zip(
            (image['id'] for image in coco['images']),
            split_names(len(coco['images']), fractions, seed),
            strict=True,
        )
    )
    return {
        name: coco
        | dict(
            images=[image for image in coco['images'] if split_of[image['id']] == name],
            annotations=[a for a in coco['annotations'] if split_of[a['image_id']] == name],
        )
        for name in fractions
    }
