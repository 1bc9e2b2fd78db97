"""Checks of image files: there, not empty, readable, of the annotated size."""

from collections.abc import Iterator

import numpy as np

from hybridkp.datasets.read_image import read_image
from hybridkp.inspection.finding import Finding, fail, listed, ok
from hybridkp.inspection.image_list import ImageList


def check_images(images: ImageList, samples: int | None) -> Iterator[Finding]:
    """Check that all files are there, and decode some: evenly over the list, or all for None."""
    lengths, count = images.lengths(), len(images.files)
    for wrong, what, mend in (
        (lengths < 0, 'are not there', 'put them there, or correct data_root, data_prefix or file_name'),
        (lengths == 0, 'have no bytes', 'copy them again'),
    ):
        if wrong.any():
            paths = np.array(images.paths(), dtype=object)[wrong]
            yield fail(f'{len(paths)} of {count} images {what}: {listed(paths)}', mend)
    chosen = images.spread(samples, np.flatnonzero(lengths > 0))
    findings = list(_check_decoded(chosen))
    yield from findings
    if len(chosen.files) and not findings and (lengths > 0).all():
        which = 'all' if len(chosen.files) == count else f'{len(chosen.files)} of {count}'
        yield ok(f'{which} images were decoded and have the annotated size')


def _check_decoded(images: ImageList) -> Iterator[Finding]:
    broken, other, turned = [], [], []
    for path, size in zip(images.paths(), images.sizes.astype(int).tolist(), strict=True):
        try:
            height, width = read_image(path, '', 'color').shape[:2]
        except (ValueError, OSError):
            broken.append(path)
            continue
        if [width, height] != size:
            text = f'{path} ({width}x{height}, not {size[0]}x{size[1]})'
            (turned if [height, width] == size else other).append(text)
    count = len(images.files)
    if broken:
        yield fail(f'{len(broken)} of {count} images cannot be decoded: {listed(broken)}', 'copy them again')
    if turned:
        yield fail(
            f'{len(turned)} of {count} images have width and height exchanged: {listed(turned)}',
            'write the images upright (a camera may have turned them by EXIF), or exchange the two in the annotation',
        )
    if other:
        yield fail(
            f'{len(other)} of {count} images are of another size than annotated: {listed(other)}',
            'scale the labels with the images, or take the images that were labelled',
        )
