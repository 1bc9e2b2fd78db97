"""The names of YOLOv7-w6-pose's checkpoints, which count the network's entries, and what they are called here."""

from torch import Tensor

from hybridkp.converters.checkpoint_source import CheckpointSource

_UNIT = r'(?P<leaf>(conv|bn)\.\w+)'
_STAGES, _UPWARD, _DOWNWARD = (2, 11, 20, 29, 38), (76, 64, 52), (86, 96, 106)
_REDUCTIONS, _LATERALS, _STRIDED = (72, 60, 48), (74, 62, 50), (84, 94, 104)
_POOLING = dict(
    cv1='before.0', cv3='before.1', cv4='before.2', cv5='after.0', cv6='after.1', cv2='shortcut', cv7='merge'
)


def _block(first: int, merge: int, name: str) -> dict[int, str]:
    """Name the entries of an `AggregationBlock`, from its first one to the merging one."""
    parts = ['shortcut', 'start', *(f'chain.{i}' for i in range(4))]
    return {first + i: f'{name}.{part}' for i, part in enumerate(parts)} | {merge: f'{name}.merge'}


def _units() -> dict[int, str]:
    """Name every entry that is one convolution with its normalisation."""
    units = {1: 'backbone.stem'} | {114 + i: f'neck.outputs.{i}' for i in range(4)}
    for i, entry in enumerate(_STAGES):
        units |= {entry: f'backbone.stages.{i}.0'} | _block(entry + 1, entry + 8, f'backbone.stages.{i}.1')
    for name, entries in (('upward', _UPWARD), ('downward', _DOWNWARD)):
        for i, entry in enumerate(entries):
            units |= _block(entry, entry + 7, f'neck.{name}.{i}')
    for name, entries in (('reductions', _REDUCTIONS), ('laterals', _LATERALS), ('strided', _STRIDED)):
        units |= {entry: f'neck.{name}.{i}' for i, entry in enumerate(entries)}
    return units


def _rows() -> list[tuple[str, str]]:
    rows = [(rf'model\.{entry}\.{_UNIT}', f'{name}.{{leaf}}') for entry, name in _units().items()]
    rows += [(rf'model\.47\.{theirs}\.{_UNIT}', f'neck.pooling.{ours}.{{leaf}}') for theirs, ours in _POOLING.items()]
    level = r'(?P<i>\d)'
    return rows + [
        (r'model\.118\.anchor_grid', 'head.anchors'),
        (rf'model\.118\.m\.{level}\.(?P<leaf>\w+)', 'head.levels.{i}.detection.{leaf}'),
        (rf'model\.118\.ia\.{level}\.implicit', 'head.levels.{i}.added'),
        (rf'model\.118\.im\.{level}\.implicit', 'head.levels.{i}.multiplied'),
        (rf'model\.118\.m_kpt\.{level}\.11\.(?P<leaf>\w+)', 'head.levels.{i}.keypoints.{leaf}'),
        (rf'model\.118\.m_kpt\.{level}\.(?P<j>\d|10)\.{_UNIT}', 'head.levels.{i}.chain.{j}.{leaf}'),
    ]


def flat_anchors(anchors: Tensor) -> Tensor:
    """Turn anchors (levels, 1, A, 1, 1, 2) in px into (levels, A, 2)."""
    return anchors.flatten(1).unflatten(1, (-1, 2))


YOLOV7_POSE = CheckpointSource(
    'YOLOv7-w6-pose of its authors, a whole pickled network or its state dict',
    _rows(),
    ['detector/yolov7_w6_pose_coco_images_960x960_original', 'detector/yolov7_w6_pose_coco_images_640x640_original'],
    {'head.anchors': flat_anchors},
    dropped=[r'model\.118\.anchors'],
    whole_network=True,
)
