"""Checks of the records of a COCO keypoint file: all that is wrong at once, where a reader stops at the first."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from hybridkp.inspection.finding import Finding, fail, listed

Wrong = Callable[[dict], bool]


def check_records(coco: object, names: Sequence[str]) -> list[Finding]:
    """Check images, annotations and categories.

    Args:
        coco: the content of the file.
        names: the K keypoints of the skeleton.

    Returns:
        The failures; none where a reader will find nothing.
    """
    mend = 'give COCO keypoint annotations: a dict with the lists images, annotations and categories'
    if not isinstance(coco, dict):
        return [fail(f'the file holds a {type(coco).__name__}', mend)]
    missing = [key for key in ('images', 'annotations') if not isinstance(coco.get(key), list)]
    if missing:
        return [fail(f'the file has no list {" and no list ".join(missing)}', mend)]
    findings = [*_check_images(coco['images']), *_check_categories(coco.get('categories') or [], names)]
    return findings + list(_check_annotations(coco, len(names)))


def _rule(kind: str, records: Sequence, wrong: Wrong, what: str, mend: str) -> Iterator[Finding]:
    """Give a failure that counts and names the records that a rule finds wrong."""
    broken = [_name(record, i) for i, record in enumerate(records) if wrong(record)]
    if broken:
        yield fail(f'{len(broken)} of {len(records)} {kind}s {what}: {listed(broken)}', mend)


def _name(record: object, i: int) -> str:
    return str(record['id']) if isinstance(record, dict) and 'id' in record else f'number {i} of the list'


def _lacks(*keys: str) -> Wrong:
    return lambda record: not isinstance(record, dict) or any(key not in record for key in keys)


def _repeated(kind: str, records: Sequence[dict]) -> Iterator[Finding]:
    twice = [name for name, count in Counter(record['id'] for record in records).items() if count > 1]
    if twice:
        yield fail(f'{len(twice)} ids of {kind}s are there more than once: {listed(twice)}', 'number them anew')


def _check_images(images: list) -> Iterator[Finding]:
    keys = ('id', 'file_name', 'width', 'height')
    yield from _rule('image', images, _lacks(*keys), f'lack one of {", ".join(keys)}', 'add what is missing')
    whole = [image for image in images if not _lacks(*keys)(image)]
    yield from _repeated('image', whole)
    yield from _rule(
        'image',
        whole,
        lambda image: not all(_is_number(image[side]) and image[side] > 0 for side in ('width', 'height')),
        'have no width and height above 0',
        'write the size of the image file in px',
    )


def _check_categories(categories: Sequence, names: Sequence[str]) -> Iterator[Finding]:
    for i, category in enumerate(categories):
        given = category.get('keypoints') if isinstance(category, dict) else None
        if not given or list(given) == list(names):
            continue
        mend = 'let the skeleton name the keypoints of the file, in its order'
        where = f'category {_name(category, i)}'
        if len(given) != len(names):
            yield fail(f'{where} has {len(given)} keypoints, the skeleton {len(names)}', mend)
        else:
            other = [
                f'{ours} (skeleton) is {theirs}' for ours, theirs in zip(names, given, strict=True) if ours != theirs
            ]
            yield fail(f'{where} names {len(other)} keypoints otherwise than the skeleton: {listed(other)}', mend)


def _check_annotations(coco: dict, count: int) -> Iterator[Finding]:
    annotations = coco['annotations']
    keys = ('id', 'image_id', 'category_id')
    yield from _rule('annotation', annotations, _lacks(*keys), f'lack one of {", ".join(keys)}', 'add what is missing')
    whole = [annotation for annotation in annotations if not _lacks(*keys)(annotation)]
    yield from _repeated('annotation', whole)
    images = {image['id'] for image in coco['images'] if not _lacks('id')(image)}
    yield from _rule(
        'annotation',
        whole,
        lambda annotation: annotation['image_id'] not in images,
        'belong to images that the file does not list',
        'remove them, or list the images',
    )
    posed = [annotation for annotation in whole if 'keypoints' in annotation and 'bbox' in annotation]
    yield from _check_keypoints(posed, count)
    yield from _check_boxes(posed)


def _check_keypoints(posed: list[dict], count: int) -> Iterator[Finding]:
    def sized(annotation: dict) -> bool:
        return isinstance(annotation['keypoints'], list) and len(annotation['keypoints']) == 3 * count

    yield from _rule(
        'annotation',
        posed,
        lambda annotation: not sized(annotation),
        f'have not {count} keypoints, as the skeleton has',
        'give x, y and visibility of each keypoint, 0, 0, 0 where it is not labelled',
    )
    rows = [annotation for annotation in posed if sized(annotation)]
    yield from _rule(
        'annotation',
        rows,
        lambda annotation: not all(map(_is_number, annotation['keypoints'])),
        'have keypoints that are no finite numbers',
        'write 0, 0, 0 for a keypoint that is not labelled',
    )
    yield from _rule(
        'annotation',
        rows,
        lambda annotation: any(visible not in (0, 1, 2) for visible in annotation['keypoints'][2::3]),
        'have a visibility that is not 0, 1 or 2',
        'write 0 for not labelled, 1 for hidden, 2 for visible',
    )


def _check_boxes(posed: list[dict]) -> Iterator[Finding]:
    def finite(annotation: dict) -> bool:
        box = annotation['bbox']
        return isinstance(box, list) and len(box) == 4 and all(map(_is_number, box))

    mend = 'write x, y, width and height in px'
    yield from _rule(
        'annotation', posed, lambda annotation: not finite(annotation), 'have a bbox that is not 4 finite numbers', mend
    )
    yield from _rule(
        'annotation',
        posed,
        lambda annotation: finite(annotation) and _is_labelled(annotation) and min(annotation['bbox'][2:]) <= 0,
        'are labelled and have a bbox without width or height',
        mend,
    )


def _is_labelled(annotation: dict) -> bool:
    keypoints = annotation['keypoints']
    given = keypoints[2::3] if isinstance(keypoints, list) else []
    return not annotation.get('iscrowd', 0) and any(_is_number(visible) and visible > 0 for visible in given)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
