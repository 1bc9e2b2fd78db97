"""What the second of two networks looks at: the boxes around the keypoints of a COCO file."""

import os.path as osp
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from mmpose.registry import DATASETS

from hybridkp.datasets.coco_json import read_json
from hybridkp.datasets.coco_keypoints import CocoKeypoints
from hybridkp.errors import InputError


@DATASETS.register_module()
class CocoCloseups(CocoKeypoints):
    """The samples of `CocoKeypoints` whose box is the one around their keypoints, for the second of two networks.

    The first network sees the whole frame, the second, in more detail, what is around the first one's points. It is
    trained on the boxes around the labels. In test mode the boxes are those around the first one's points,
    which are the sample's ``prior_keypoints`` (1, K, 2) in px, and no label has a say in where the network looks.
    The file's covariances are its ``prior_covariances`` (1, K, 2, 2) in px^2, where it has any. How much is seen around
    the box says the padding of mmpose's ``GetBBoxCenterScale``.

    With ``groups`` there is a closer look at each group of keypoints, and so a sample for each, whose box is around
    those. It is trained on all keypoints that it shows, and on none if fewer than two of its own are labelled. It is
    measured on its own only, ``own_keypoints`` (K,), bool: the labels of others are invisible, and what the looks at an
    instance find is put together where it is measured or written.

    Args:
        ann_file: The annotation file, relative to ``data_root``; in test mode with one annotation an image.
        skeleton: What :func:`~hybridkp.datasets.skeleton.skeleton_metainfo` takes.
        points_file: The first network's result file in COCO's format, relative to ``data_root``, or several, each
            image in one of them; in test mode, and only there.
        data_root: The folder that the other paths are relative to.
        data_prefix: ``img``: the folder, relative to ``data_root``, that file names are relative to.
        groups: The names of each group's keypoints, each keypoint in one group; None for one look at all of them.
        test_mode: Whether samples are measured on rather than trained on.
        pipeline: The transforms.

    Raises:
        ValueError: if there is a ``points_file`` to train on or none to test on, if a keypoint is not in one group, or
            if the pipeline does not hand ``own_keypoints`` on.
        FileNotFoundError: there is no such file.
        InputError: a file or a record is wrong, or not every image has one entry; the message names both.
    """

    def __init__(
        self,
        ann_file: str,
        skeleton: dict,
        points_file: str | Sequence[str] | None = None,
        data_root: str = '',
        data_prefix: Mapping = dict(img=''),
        groups: Sequence[Sequence[str]] | None = None,
        test_mode: bool = False,
        pipeline: Sequence = (),
    ) -> None:
        if bool(points_file) != test_mode:
            raise ValueError(
                "CocoCloseups: expected the first network's points_file in test mode and only there, got "
                f'points_file={points_file!r} with test_mode={test_mode}'
            )
        files = [points_file] if isinstance(points_file, str) else points_file or []
        self.points_files = [osp.join(data_root, file) for file in files]
        self.groups = groups
        super().__init__(ann_file, skeleton, data_root, data_prefix, test_mode=test_mode, pipeline=pipeline)
        for step in self.pipeline.transforms if groups else ():
            if 'own_keypoints' not in getattr(step, 'meta_keys', ['own_keypoints']):
                raise ValueError(
                    f'{type(step).__name__}: expected own_keypoints among the meta_keys, as there are groups'
                )

    def load_data_list(self) -> list[dict]:
        """Read the annotations and the points that boxes are around."""
        samples = super().load_data_list()
        own = own_keypoints(self.groups, list(self._metainfo['keypoint_name2id']))
        if not self.test_mode:
            return [look for sample in samples for look in self._around_labels(sample, own)]
        self._metainfo['boxes'] = ', '.join(self.points_files)
        points = read_points(self.points_files, self._metainfo['num_keypoints'])
        images = Counter(sample['img_id'] for sample in samples)
        if several := [image for image, count in images.items() if count > 1]:
            raise InputError(f'{self.ann_file}: image {several[0]}: expected one annotation an image, got several')
        if missing := [image for image in images if image not in points]:
            raise InputError(
                f'{", ".join(self.points_files)}: expected an entry of each image of {self.ann_file}, '
                f'got none of image {missing[0]} and {len(missing) - 1} more'
            )
        return [look for sample in samples for look in self._around_points(sample, own, *points[sample['img_id']])]

    def _around_labels(self, sample: dict, own: np.ndarray) -> list[dict]:
        points, labelled = sample['keypoints'][0], sample['keypoints_visible'][0] > 0
        where = f'{self.ann_file}: annotation {sample["id"]}'
        if len(own) == 1:
            return [sample | dict(bbox=around(points[labelled], where)[None])]
        return [
            sample | dict(bbox=around(points[group & labelled], where)[None], own_keypoints=group)
            for group in own
            if (group & labelled).sum() > 1
        ]

    def _around_points(
        self, sample: dict, own: np.ndarray, points: np.ndarray, covariances: np.ndarray | None, where: str
    ) -> list[dict]:
        sample = sample | dict(prior_keypoints=points[None])
        if covariances is not None:
            sample['prior_covariances'] = covariances[None]
        if len(own) == 1:
            return [sample | dict(bbox=around(points, where)[None])]
        return [
            sample
            | dict(bbox=around(points[group], where)[None], own_keypoints=group)
            | dict(keypoints_visible=sample['keypoints_visible'] * group)
            for group in own
        ]


def own_keypoints(groups: Sequence[Sequence[str]] | None, names: Sequence[str]) -> np.ndarray:
    """Return which keypoints are each group's own, (G, K), bool; with None there is one group of all.

    Raises:
        ValueError: if a group has fewer than two keypoints, or a keypoint is in none or in several.
    """
    if groups is None:
        return np.ones((1, len(names)), dtype=bool)
    if sorted(name for group in groups for name in group) != sorted(names) or any(len(group) < 2 for group in groups):
        raise ValueError(
            f'groups: expected each of {list(names)} in one group, and two or more in a group, '
            f'got {[list(group) for group in groups]}'
        )
    return np.array([[name in group for name in names] for group in groups])


def around(points: np.ndarray, where: str) -> np.ndarray:
    """Return the box (4,), float32, (left, top, right, bottom), around points (N, 2) in px.

    Args:
        points: the points.
        where: what they are of, for the error.

    Raises:
        InputError: if the box has no area.
    """
    if len(points) and (np.ptp(points, axis=0) > 0).all():
        return np.concatenate((points.min(axis=0), points.max(axis=0))).astype(np.float32)
    raise InputError(f'{where}: expected keypoints around an area, got {np.asarray(points).tolist()}')


def read_points(paths: Sequence[str], num_keypoints: int) -> dict[int, tuple[np.ndarray, np.ndarray | None, str]]:
    """Read the points (K, 2) in px of COCO result files by image.

    With each are its covariances (K, 2, 2) in px^2, None where the file has none, and the file and entry that it is of.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: a file or an entry is wrong, or an image has several.
    """
    found: dict[int, tuple[np.ndarray, np.ndarray | None, str]] = {}
    for path in paths:
        if not osp.isfile(path):
            raise FileNotFoundError(
                f"{path}: there is no such file; tools/test.py writes it with --out and the first network's config"
            )
        entries = read_json(path)
        if not isinstance(entries, list):
            raise InputError(f'{path}: expected COCO results, a list of entries, got a {type(entries).__name__}')
        for i, entry in enumerate(entries):
            where = f'{path}: entry {i}'
            image, points = _entry(entry, num_keypoints, where)
            if image in found:
                raise InputError(f'{where}: expected one entry an image, got image {image} in {found[image][-1]} too')
            found[image] = points, _covariances(entry, num_keypoints, where), where
    return found


def _entry(entry: object, num_keypoints: int, where: str) -> tuple[int, np.ndarray]:
    if not isinstance(entry, dict) or not {'image_id', 'keypoints'} <= set(entry):
        raise InputError(f'{where}: expected image_id and keypoints, got {entry!r:.80}')
    if not isinstance(entry['image_id'], int):
        raise InputError(f'{where}: expected a number as image_id, got {entry["image_id"]!r:.80}')
    points = _numbers(entry['keypoints'])
    if points.shape != (3 * num_keypoints,) or not np.isfinite(points).all():
        raise InputError(
            f'{where}: expected {num_keypoints} times x, y and score, all finite, as keypoints, '
            f'got {entry["keypoints"]!r:.80}'
        )
    return entry['image_id'], points.reshape(-1, 3)[:, :2]


def _covariances(entry: dict, num_keypoints: int, where: str) -> np.ndarray | None:
    """Return an entry's covariances (K, 2, 2) in px^2, where it has any."""
    if entry.get('keypoint_covariances') is None:
        return None
    rows = _numbers(entry['keypoint_covariances'])
    if rows.shape != (num_keypoints, 3) or not _definite(rows).all():
        raise InputError(
            f'{where}: expected {num_keypoints} times xx, xy and yy of a positive definite matrix as '
            f'keypoint_covariances, got {entry["keypoint_covariances"]!r:.80}'
        )
    return rows[:, [0, 1, 1, 2]].reshape(-1, 2, 2)


def _definite(rows: np.ndarray) -> np.ndarray:
    """Say which matrices, of rows xx, xy, yy (K, 3), are positive definite."""
    xx, xy, yy = rows.astype(float).T
    return (xx > 0) & (yy > 0) & (xx * yy > xy**2) & np.isfinite(rows).all(axis=1)


def _numbers(values: object) -> np.ndarray:
    """Return an array of numbers, an empty one of what is none."""
    try:
        return np.array(values, dtype=np.float32)
    except (TypeError, ValueError):
        return np.zeros(0, dtype=np.float32)
