"""Skeleton, data and experiment of a new set, as config files."""

import os.path as osp
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hybridkp.converters.keypoint_set import KeypointSet
from hybridkp.datasets.coco_json import is_labelled

WIDTH = 110
"""How long a row of names may become."""

WHOLE = 0.9
"""Share of its image that the median box covers where sets show one instance an image."""

MANY = 5000
"""Instances from which on a set gets the schedule and the batch of a large one."""

SHAPES = {'high': (192, 256), 'square': (256, 256), 'wide': (256, 192)}
"""Input sizes (width, height) by the shape of the median box."""

SKELETON = """\
# The {count} keypoints of {name}, as the annotation file names them; look flip_pairs, links and sigmas over.
# {rule}.
# fmt: off
skeleton = dict(
    name={name!r},
    keypoints=[
{names}],
    flip_pairs=[{pairs}],
    links=[{links}],
    sigmas={sigmas})
"""

DATASET = """\
# {name}: {train} instances to train on. Written by tools/doctor.py --init, to be changed as you like.
_base_ = ['whole_frame.py', '../skeletons/{name}.py']
data_root = {root!r}
num_keypoints = len(_base_.skeleton.keypoints)
input_size = ({width}, {height})
read = [dict(type='ReadImage'), dict(type='GetBBoxCenterScale', padding={padding})]
crop = [{smooth}dict(type='TopdownAffine', input_size=input_size)]
augment = [
{flip}    dict(type='RandomBBoxTransform', shift_factor=0.1, scale_factor=({scale}), rotate_factor=20),
    dict(type='PhotometricDistortion'),
]
augmented = [*read, *augment, *crop, *_base_.pack]
evaluate = [*read, *crop, *_base_.pack]
instances = dict(type='CocoKeypoints', data_root=data_root, {prefix}skeleton=_base_.skeleton)
train_dataloader = dict({loader}dataset=dict(**instances, ann_file={files[0]!r}, pipeline=augmented))
val_dataloader = dict(dataset=dict(**instances, ann_file={files[1]!r}, test_mode=True, pipeline=evaluate))
test_dataloader = dict(dataset=dict(**instances, ann_file={files[2]!r}, test_mode=True, pipeline=evaluate))
val_evaluator = [{metric}dict(type='EPE')]
test_evaluator = [{test_metric}dict(type='EPE')]
default_hooks = dict(checkpoint=dict(save_best={best!r}, rule={rule!r}, interval=10))
"""

EXPERIMENT = """\
_base_ = [
    '../_base_/models/hybridnet_s.py',
    '../_base_/datasets/{name}.py',
    '../_base_/schedules/{schedule}.py',
]
model = dict(head=dict(num_keypoints=_base_.num_keypoints){flip_test})
"""


@dataclass(frozen=True)
class StarterConfig:
    """What the three files of a new set say.

    Args:
        name: of the set.
        keypoints: its keypoints.
        root: the folder that paths are relative to.
        images: the folder of the images, relative to the root.
        files: annotation files of train, val and test, relative to the root.
        input_size: (width, height) in px.
        instances: how many there are to train on.
        padding: by which boxes are enlarged; 1 where a box is the whole image.
        shrinks: whether many boxes are shrunk more than twice.
        areas: whether all annotations have an area, which AP needs.
    """

    name: str
    keypoints: KeypointSet
    root: str
    images: str
    files: tuple[str, str, str]
    input_size: tuple[int, int]
    instances: int
    padding: float
    shrinks: bool
    areas: bool

    @property
    def experiment(self) -> str:
        """The name of the experiment, without its suffix."""
        width, height = self.input_size
        return f'hybridnet_s_{self.name}_{height}x{width}'

    def texts(self, folder: str) -> dict[str, str]:
        """Give the files' contents by their paths in ``configs/``; the experiment goes into a folder there."""
        return {
            f'_base_/skeletons/{self.name}.py': self._skeleton(),
            f'_base_/datasets/{self.name}.py': self._dataset(),
            f'{folder}/{self.experiment}.py': self._experiment(),
        }

    def _skeleton(self) -> str:
        keypoints = self.keypoints
        alike = len(set(keypoints.sigmas)) == 1
        return SKELETON.format(
            name=self.name,
            count=len(keypoints.names),
            rule=keypoints.notes[-1],
            names=_rows(keypoints.names),
            pairs='\n' + _rows(keypoints.flip_pairs) if keypoints.flip_pairs else '',
            links='\n' + _rows(keypoints.links) if keypoints.links else '',
            sigmas=f'[{keypoints.sigmas[0]}] * {len(keypoints.sigmas)}' if alike else f'[\n{_rows(keypoints.sigmas)}]',
        )

    def _dataset(self) -> str:
        whole = self.padding == 1
        by_area = self.areas and not whole
        metrics = [
            f"dict(type='CocoAveragePrecision', ann_file=data_root + {file!r}), " if self.areas else ''
            for file in self.files[1:]
        ]
        return DATASET.format(
            name=self.name,
            train=self.instances,
            root=self.root,
            width=self.input_size[0],
            height=self.input_size[1],
            padding=self.padding,
            smooth="dict(type='SmoothDownscale', input_size=input_size), " if self.shrinks else '',
            flip="    dict(type='RandomFlip', direction='horizontal'),\n" if self.keypoints.mirrors else '',
            scale='0.85, 1.15' if whole else '0.75, 1.25',
            prefix='' if self.images in ('', '.') else f'data_prefix=dict(img={self.images + "/"!r}), ',
            loader='batch_size=64, num_workers=4, ' if self.instances > MANY else '',
            files=self.files,
            metric=metrics[0],
            test_metric=metrics[1],
            best='coco/AP' if by_area else 'EPE',
            rule='greater' if by_area else 'less',
        )

    def _experiment(self) -> str:
        return EXPERIMENT.format(
            name=self.name,
            schedule='adam_210e' if self.instances > MANY else 'adamw_small',
            flip_test='' if self.keypoints.mirrors else ', test_cfg=dict(flip_test=False)',
        )


def plan(
    name: str, keypoints: KeypointSet, parts: Sequence[dict], paths: tuple[str, str, str, str], size: tuple | None
) -> StarterConfig:
    """Choose what the files say from the labels of train, and of val and test.

    Args:
        name: of the set.
        keypoints: its keypoints.
        parts: contents of the annotation files, that of train first.
        paths: of the annotation files of train, val and test, and of the images' folder.
        size: (width, height) of the input in px; None to choose it by the boxes.
    """
    root = osp.commonpath([osp.dirname(osp.abspath(path)) for path in paths[:3]])
    *files, images = (osp.relpath(path, root) for path in paths)
    boxes, sizes = _boxes(parts[0])
    padding = 1.0 if np.median((boxes / sizes).prod(axis=1)) > WHOLE else 1.25
    size = size or _input_size(boxes)
    shrunk = ((boxes * padding / size).max(axis=1) > 2).mean() > 0.25
    inside = osp.relpath(root)
    return StarterConfig(
        name=name,
        keypoints=keypoints,
        root=(root if inside.startswith('..') else inside) + '/',
        images=images,
        files=tuple(files),
        input_size=size,
        instances=len(boxes),
        padding=padding,
        shrinks=bool(shrunk),
        areas=all('area' in a and 'keypoints' in a and 'bbox' in a for part in parts for a in part['annotations']),
    )


def _boxes(coco: dict) -> tuple[np.ndarray, np.ndarray]:
    """Give the sides (N, 2) of the labelled instances' boxes, and those of their images (N, 2), in px."""
    images = {image['id']: (image['width'], image['height']) for image in coco['images']}
    kept = [a for a in coco['annotations'] if 'bbox' in a and is_labelled(a)]
    boxes = np.array([a['bbox'][2:] for a in kept], dtype=float).reshape(-1, 2)
    return boxes, np.array([images[a['image_id']] for a in kept], dtype=float).reshape(-1, 2)


def _input_size(boxes: np.ndarray) -> tuple[int, int]:
    aspect = float(np.median(boxes[:, 0] / boxes[:, 1]))
    return SHAPES['high' if aspect < 0.87 else 'wide' if aspect > 1.15 else 'square']


def _rows(values: Sequence) -> str:
    """Write values into rows of at most `WIDTH` characters."""
    rows, row = [], ' ' * 8
    for i, value in enumerate(values):
        text = repr(value) + (',' if i + 1 < len(values) else '')
        if len(row) + len(text) > WIDTH and row.strip():
            rows.append(row.rstrip())
            row = ' ' * 8
        row += f'{text} '
    return '\n'.join([*rows, row.rstrip()])
