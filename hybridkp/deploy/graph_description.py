"""What a graph's user has to know, as a dict that is written into its file."""

import hashlib
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.config import Config
from torch import nn

from hybridkp.datasets.letterbox import GREY
from hybridkp.datasets.skeleton import skeleton_metainfo

KEY = 'hybridkp'
"""Under this key the file's ``metadata_props`` have the description, as JSON."""
_IGNORED = ('KeypointLabels', 'PersonLabels', 'PackPoseInputs', 'ChangeView', 'ReadImage')


def describe(
    cfg: Config, checkpoints: Sequence[str], module: nn.Module, size: tuple[int, int], suppresses: bool = False
) -> dict:
    """Describe the graph of an exportable module.

    Args:
        cfg: the config.
        checkpoints: the files.
        module: `ExportableKeypoints`, `ExportablePeople` or `ExportablePoints`.
        size: (width, height) of the input in px.
        suppresses: whether the graph ends with suppression.
    """
    skeleton = skeleton_metainfo(cfg.test_dataloader.dataset.skeleton) if _has_skeleton(cfg) else {}
    names = skeleton.get('keypoint_id2name', {})
    return dict(
        made_by=f'hybridkp {importlib.import_module("hybridkp").__version__}',
        config=Path(cfg.filename).name if cfg.filename else None,
        checkpoints=[dict(file=Path(path).name, sha256=_hash(path)) for path in checkpoints],
        task=module.task,
        input=dict(
            width=size[0],
            height=size[1],
            channels=module.normalise.channels,
            type='uint8',
            layout='(B, C, H, W)',
            normalisation='inside the graph: give it values from 0 to 255 as they are read',
        ),
        preparation=dict(kind='resize') if module.task == 'points' else preparation(_pipeline(cfg)),
        outputs=dict(module.names),
        positions=(
            "px from the left and top border: the first pixel's centre is at 0.5"
            if module.task == 'people'
            else "pixel centres are whole numbers: the first pixel's centre is at 0"
        ),
        keypoints=[names[index] for index in sorted(names)],
        links=[list(map(int, link)) for link in skeleton.get('skeleton_links', [])],
        link_colors=[list(map(int, color)) for color in skeleton.get('skeleton_link_colors', [])],
        keypoint_colors=[list(map(int, color)) for color in skeleton.get('keypoint_colors', [])],
        flip_pairs=[list(map(int, pair)) for pair in skeleton.get('flip_pairs', [])],
        sigmas=[round(float(sigma), 6) for sigma in skeleton.get('sigmas', [])],
        flip_test=getattr(module, 'flip_indices', None) is not None,
        calibrated=bool(module.calibrated),
        suppression=dict(module.settings, inside=suppresses) if hasattr(module, 'settings') else None,
    )


def preparation(pipeline: Sequence[Mapping]) -> dict:
    """Say how a test's transforms make an input of an image: by a crop, a letterbox, or otherwise, by their names.

    A crop shows a box, the caller's or a part of the image, in fractions; padded by a factor and filled up
    to the input's aspect. Its affine map has corners on corners, or, with ``udp``, the first on the first pixel and the
    last on the last one; ``smooth`` says whether what is shrunk by a factor f is smoothed before.
    """
    steps = {step['type']: step for step in pipeline if step['type'] not in _IGNORED}
    if set(steps) == {'Letterbox'}:
        box = steps['Letterbox']
        return dict(
            kind='letterbox',
            enlarge=box.get('enlarge', True),
            smooth=box.get('smooth', False),
            multiple=box.get('multiple'),
            border=GREY,
        )
    if (
        {'GetBBoxCenterScale', 'TopdownAffine'}
        <= set(steps)
        <= {
            'GetBBoxCenterScale',
            'TopdownAffine',
            'SmoothDownscale',
            'FrameRegion',
        }
    ):
        region = steps.get('FrameRegion', {}).get('region')
        return dict(
            kind='crop',
            padding=steps['GetBBoxCenterScale'].get('padding', 1.25),
            region=None if region is None else list(region),
            udp=steps['TopdownAffine'].get('use_udp', False),
            smooth='SmoothDownscale' in steps,
        )
    return dict(kind='other', steps=list(steps))


def _pipeline(cfg: Config) -> Sequence[Mapping]:
    return cfg.test_dataloader.dataset.pipeline


def _has_skeleton(cfg: Config) -> bool:
    return 'skeleton' in cfg.test_dataloader.dataset


def _hash(path: str) -> str | None:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if Path(path).is_file() else None
