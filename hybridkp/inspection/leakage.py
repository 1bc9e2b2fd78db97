"""Checks that nothing is trained on what is measured on."""

import hashlib
import os.path as osp
from collections.abc import Iterator, Sequence
from functools import cache

from hybridkp.inspection.finding import Finding, fail, listed, ok, warn
from hybridkp.inspection.image_list import ImageList

ENDS = 4096
"""Bytes at either end of a file that are compared before the whole file is."""

MANY = 0.05
"""Share of copies from which on a result is spoilt; published sets have a few of their own."""


def check_leakage(lists: Sequence[ImageList], samples: int | None, chosen_on_val: bool) -> list[Finding]:
    """Compare the images that are trained on with those of val and test, by path and by content.

    Two files have the same content if all their bytes are equal; an image that was saved anew is not found. Images of
    the test that are trained on are a failure, but for a few copies (under 5 %); images of val alone are a warning.

    Args:
        lists: the images, by annotation file.
        samples: how many images of val and test are looked for among those to train on by their content, evenly over
            the list; None for all. Paths are compared for all.
        chosen_on_val: whether the checkpoint to keep is chosen by the validation.
    """
    findings = []
    for part in lists:
        if 'train' in part.uses and len(part.uses) > 1:
            findings.append(_leak(part.files, part, 'trained on'))
    for train in (part for part in lists if 'train' in part.uses):
        for other in (part for part in lists if 'train' not in part.uses):
            findings += _compare(train, other, samples)
    if chosen_on_val and any({'val', 'test'} <= set(part.uses) for part in lists):
        findings.append(
            warn(
                'val and test are the same images, and the checkpoint to keep is chosen on them (save_best)',
                'test on images of their own for a number that does not flatter',
            )
        )
    return findings


def _compare(train: ImageList, other: ImageList, samples: int | None) -> Iterator[Finding]:
    known = set(map(osp.realpath, train.paths()))
    same = [path for path in other.paths() if osp.realpath(path) in known]
    if same:
        yield _leak(same, other, 'trained on')
        return
    chosen = other.spread(samples)
    copies = _copies(train, chosen)
    if copies:
        yield _leak(copies, chosen, 'byte for byte images that are trained on', MANY)
    else:
        count = 'all' if len(chosen.files) == len(other.files) else f'{len(chosen.files)} of {len(other.files)}'
        yield ok(f'{count} images of {_uses(other)} are none of those trained on, by path and by content')


def _leak(files: Sequence[str], part: ImageList, how: str, bearable: float = 0.0) -> Finding:
    what = f'{len(files)} of {len(part.files)} images of {_uses(part)} are {how}: {listed(files)}'
    if 'test' not in part.uses:
        return warn(what, 'validate on others, or take the last checkpoint: the best one is chosen by seen images')
    if len(files) < bearable * len(part.files):
        return warn(what, 'take these out of train, or say so beside the result: it flatters a little')
    return fail(what, 'take them out of train, or measure on others: the result would flatter')


def _uses(part: ImageList) -> str:
    return ' and '.join(use for use in part.uses if use != 'train')


def _copies(train: ImageList, other: ImageList) -> list[str]:
    """Name files with the bytes of one to train on, and that one: compared by length, by both ends, then whole."""
    ends, digest = cache(_ends), cache(_digest)
    lengths = other.lengths()
    rivals = {length: [] for length in lengths.tolist() if length > 0}
    for path, length in zip(train.paths(), train.lengths().tolist(), strict=True):
        if length in rivals:
            rivals[length].append(path)
    copies = []
    for path, length in zip(other.paths(), lengths.tolist(), strict=True):
        twins = (r for r in rivals.get(length, ()) if ends(path) == ends(r) and digest(path) == digest(r))
        if twin := next(twins, None):
            copies.append(f'{path} is {twin}')
    return copies


def _ends(path: str) -> bytes:
    with open(path, 'rb') as file:
        first = file.read(ENDS)
        file.seek(max(0, osp.getsize(path) - ENDS))
        return first + file.read(ENDS)


def _digest(path: str) -> bytes:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.digest()
