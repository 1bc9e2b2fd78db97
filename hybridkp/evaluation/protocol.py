"""How predictions came about: what has to be said beside every number that is made of them.

A protocol is a dict that JSON can hold; `build_protocol` says what is in it. A result file has it in its first entry
under the key ``protocol``.
"""

import hashlib
import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import nn

from hybridkp.evaluation.coco_results import read_entries

SEPARATING = {
    'boxes': 'boxes',
    'boxes_min_score': 'lowest score of a box',
    'images': 'images',
    'instances': 'predicted instances',
    'annotations': 'annotations',
    'skeleton': 'skeleton',
    'sigmas': 'OKS sigmas',
    'flip_test': 'flip test',
    'scales': 'scales',
    'score_mode': 'score',
    'nms_threshold': 'suppression over OKS',
    'max_detections': 'detections of an image',
    'inference': 'inference',
}
"""What has to be alike for numbers to be comparable, and what it is called."""
COMPARED = {
    'checkpoints': 'checkpoint',
    'config': 'config',
    'input_size': 'input (w, h)',
    'codec': 'codec',
    'search_radius': 'search radius over the input',
    'merge_prior': 'merged with the first network',
    'groups': 'closer looks at',
    'calibration': 'calibrated',
    'versions': 'versions',
}
"""What may be what is compared, and what it is called."""
PACKAGES = ('hybridkp', 'torch', 'mmengine', 'mmcv', 'mmpose')
UNKNOWN = 'not said'
_HASHED = {'boxes': 'boxes_sha256', 'annotations': 'annotations_sha256', 'images': 'images_sha256'}
"""What is the same if its hash is, whatever its name."""
_DIGITS = 12


def build_protocol(
    cfg: Mapping,
    dataset: object,
    metrics: Sequence,
    checkpoints: Sequence[str],
    model: nn.Module,
    inference: Mapping | None = None,
) -> dict:
    """Say how a test's predictions come about.

    ``boxes`` is ``'ground truth'`` or the file of a detector, with ``boxes_sha256`` and ``boxes_min_score``;
    ``images`` is the count of the annotation file's images and ``images_sha256`` the hash of their sorted ids;
    ``instances`` counts the samples, several looks at one instance as one. ``score_mode``, ``nms_threshold`` and
    ``max_detections`` are those of a COCO metric, ``input_size`` is (width, height). What cannot be found out is None.

    Args:
        cfg: the config, after all options.
        dataset: the data set that is tested on.
        metrics: the metrics of the test.
        checkpoints: the files.
        model: the network, loaded.
        inference: further settings, like the type of numbers or a compiler.
    """
    meta, coco = dataset.metainfo, _coco_metric(metrics)
    annotations = getattr(dataset, 'ann_file', None) or None
    boxes, minimum = _boxes(dataset)
    network = _network(cfg['model'])
    head, test_cfg = network.get('head') or {}, network.get('test_cfg') or {}
    return dict(
        boxes=boxes,
        boxes_sha256=_file_hash(boxes),
        boxes_min_score=minimum,
        flip_test=bool(test_cfg.get('flip_test', False)),
        scales=_plain(test_cfg.get('scales') or [1.0]),
        codec=_plain(head.get('codec') or head.get('decoder')),
        search_radius=_plain(test_cfg.get('search_radius')),
        merge_prior=bool(test_cfg.get('merge_prior', False)),
        groups=_plain(cfg['test_dataloader']['dataset'].get('groups')),
        input_size=_input_size(cfg),
        skeleton=_skeleton(meta),
        sigmas=_sigmas(meta, coco),
        annotations=annotations,
        annotations_sha256=_file_hash(annotations),
        **_images(annotations),
        instances=len(dataset) // len(getattr(dataset, 'groups', None) or [1]),
        checkpoints=[dict(file=Path(path).name, sha256=_file_hash(path)) for path in checkpoints],
        config=Path(cfg.filename).name if getattr(cfg, 'filename', None) else None,
        score_mode=getattr(coco, 'score_mode', None),
        nms_threshold=_nms_threshold(coco),
        max_detections=getattr(coco, 'max_detections', None if coco is None else 20),
        calibration=bool(_calibrated(model)),
        inference=_plain(inference or {}),
        versions={name: importlib.import_module(name).__version__ for name in PACKAGES},
    )


def read_protocol(path: str | Path) -> dict | None:
    """Read the protocol of a result file, None where it does not have one.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is not a list of entries.
    """
    entries = read_entries(path)
    protocol = entries[0].get('protocol') if entries else None
    return protocol if isinstance(protocol, dict) else None


def differences(first: Mapping, second: Mapping) -> tuple[list[tuple[str, str, str]], list[tuple[str, str, str]]]:
    """List in what two protocols differ: what makes numbers incomparable, and what may be what is compared.

    Each difference is the key and what both protocols say. Files of other names with the same content are alike.
    """
    lists = []
    for keys in (SEPARATING, COMPARED):
        unlike = [key for key in keys if _identity(first, key) != _identity(second, key)]
        lists.append([(key, *_both(first, second, key)) for key in unlike])
    return tuple(lists)


def described(protocol: Mapping) -> list[tuple[str, str]]:
    """List what a protocol says, for people: names and texts."""
    return [(name, _text(protocol, key)) for key, name in (SEPARATING | COMPARED).items()]


def annotation_file(protocol: Mapping | None) -> str | None:
    """Give the path of the annotations of a protocol, if the file is still there and the same, else None."""
    path, expected = ((protocol or {}).get(key) for key in ('annotations', 'annotations_sha256'))
    return path if isinstance(path, str) and expected and _file_hash(path) == expected else None


def file_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _file_hash(path: str | None) -> str | None:
    return file_hash(path) if path and Path(path).is_file() else None


def _coco_metric(metrics: Sequence) -> object | None:
    """Return the metric of COCO, ours or mmpose's."""
    return next((metric for metric in metrics if hasattr(metric, 'score_mode') and hasattr(metric, 'ann_file')), None)


def _nms_threshold(coco: object | None) -> float | None:
    if getattr(coco, 'nms_mode', None) == 'none':
        return None
    return getattr(coco, 'nms_threshold', getattr(coco, 'nms_thr', None))


def _boxes(dataset: object) -> tuple[str | None, float | None]:
    """Return where boxes are from, and the lowest score of a detector's."""
    boxes = dataset.metainfo.get('boxes')
    if boxes is None and hasattr(dataset, 'bbox_file'):  # a data set of mmpose's
        boxes = dataset.bbox_file or 'ground truth'
    return boxes, getattr(dataset, 'bbox_score_thr', None) if boxes != 'ground truth' else None


def _images(annotations: str | None) -> dict:
    """Return how many images an annotation file has, and the hash of their ids."""
    if not annotations or Path(annotations).suffix != '.json' or not Path(annotations).is_file():
        return dict(images=None, images_sha256=None)
    ids = sorted({image['id'] for image in json.loads(Path(annotations).read_bytes())['images']})
    return dict(images=len(ids), images_sha256=hashlib.sha256(json.dumps(ids).encode()).hexdigest())


def _network(model: Mapping) -> Mapping:
    """Return the config of a network, of an ensemble that of its first member."""
    return model['members'][0] if 'members' in model else model


def _input_size(cfg: Mapping) -> list[int] | None:
    pipeline = cfg['test_dataloader']['dataset'].get('pipeline') or []
    sizes = [step['input_size'] for step in pipeline if isinstance(step, Mapping) and 'input_size' in step]
    return _plain(sizes[-1]) if sizes else None


def _skeleton(meta: Mapping) -> dict:
    names = meta.get('keypoint_id2name', {})
    return dict(
        name=meta.get('dataset_name'),
        keypoints=[names[i] for i in range(len(names))],
        flip_indices=_plain(meta.get('flip_indices', list(range(len(names))))),
    )


def _sigmas(meta: Mapping, coco: object | None) -> list[float] | None:
    """Return the sigmas, of the metric if it has its own, with as many digits as their type has."""
    sigmas = getattr(coco, 'sigmas', None)
    sigmas = meta.get('sigmas') if sigmas is None else sigmas
    return None if sigmas is None else [float(str(sigma)) for sigma in np.asarray(sigmas)]


def _calibrated(model: nn.Module) -> bool:
    """Return whether a network maps its covariances, in its head or, as an ensemble, itself."""
    model = getattr(model, 'module', model)
    owner = model if hasattr(model, 'calibration') else getattr(model, 'head', None)
    return getattr(getattr(owner, 'calibration', None), 'calibrated', False)


def _plain(value: object) -> object:
    """Return what JSON can hold of a setting."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _identity(protocol: Mapping, key: str) -> str:
    """Return a text that is the same for the same thing."""
    value = protocol.get(_HASHED.get(key)) or protocol.get(key)
    if key == 'checkpoints' and _are_files(value):
        value = [one.get('sha256') or one.get('file') for one in value]
    return json.dumps(None if value == {} else value, sort_keys=True)


def _both(first: Mapping, second: Mapping, key: str) -> tuple[str, str]:
    """Return what both protocols say, of what has several parts only those that are unlike."""
    parts = [_parts(protocol, key) for protocol in (first, second)]
    if any('' in one for one in parts):
        return tuple(_text(protocol, key) for protocol in (first, second))
    unlike = [name for name in {**parts[0], **parts[1]} if parts[0].get(name) != parts[1].get(name)]
    return tuple(_joined({name: one.get(name, UNKNOWN) for name in unlike}) for one in parts)


def _text(protocol: Mapping, key: str) -> str:
    if key == 'skeleton' and isinstance(protocol.get(key), Mapping):
        skeleton = protocol[key]
        return f'{skeleton.get("name")}, {len(skeleton.get("keypoints") or [])} keypoints'
    return _joined(_parts(protocol, key)) or UNKNOWN


def _joined(parts: Mapping) -> str:
    return ', '.join(f'{name} {text}'.strip() for name, text in parts.items())


def _parts(protocol: Mapping, key: str) -> dict[str, str]:
    """Return what a protocol says, by the names of its parts; the name is empty where there is but one."""
    value, digest = protocol.get(key), protocol.get(_HASHED.get(key))
    if isinstance(value, Mapping):
        return {name: _word(part) for name, part in value.items()}
    if key == 'checkpoints' and _are_files(value):
        return {'': ', '.join(_hashed(_word(one.get('file')), one.get('sha256')) for one in value)}
    if key == 'sigmas' and isinstance(value, list):
        names = (protocol.get('skeleton') or {}).get('keypoints') or range(len(value))
        return {str(name): _word(part) for name, part in zip(names, value, strict=False)}
    if value is None and _may_be_none(protocol, key):
        return {'': 'none'}
    return {'': _hashed(_word(value), digest)}


def _may_be_none(protocol: Mapping, key: str) -> bool:
    """Return whether None says that there is none of it, and not that nobody knows."""
    if key == 'nms_threshold':
        return bool(protocol.get('score_mode'))
    return key in ('search_radius', 'groups') and key in protocol


def _are_files(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) for one in value)


def _hashed(text: str, digest: str | None) -> str:
    return f'{text} (sha256 {digest[:_DIGITS]})' if digest else text


def _word(value: object) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, list):
        return ' '.join(map(_word, value))
    return f'({_joined({k: _word(v) for k, v in value.items()})})' if isinstance(value, Mapping) else str(value)
