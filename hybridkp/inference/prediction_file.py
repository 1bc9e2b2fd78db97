"""The file of what was predicted on images and videos."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

from mmengine.structures import InstanceData

from hybridkp.engine import atomic_backend  # noqa: F401, what files are written with
from hybridkp.errors import InputError
from hybridkp.evaluation.protocol import build_protocol
from hybridkp.evaluation.result_file import ResultFile
from hybridkp.inference.keypoint_inferencer import KeypointInferencer
from hybridkp.inference.label_file import LabelFile
from hybridkp.inference.media_frame import MediaFrame
from hybridkp.inference.media_source import MediaSource


class PredictionFile:
    """Collects predictions and writes them in COCO's result format, whole or not at all, see `ResultFile`.

    Each entry has ``file_name``, the path of its image or video, and, of videos and webcams, ``frame``, from 0, as
    well. An ``image_id`` is that of the labels, where there are any; else, if the names of all images are different
    numbers, as those of COCO are, that number; else the image's or frame's number in the order of reading, from 0.

    Args:
        path: the file.
        inferencer: what predicts.
        source: the images.
        labels: of the images.
    """

    def __init__(
        self, path: str | Path, inferencer: KeypointInferencer, source: MediaSource, labels: LabelFile | None = None
    ):
        self.path, self.labels, self._inferencer = str(path), labels, inferencer
        self._mode = _score_mode(inferencer.config, inferencer.predictor.single_stage)
        self._file = ResultFile(self.path, score_mode=self._mode)
        self._ids = {} if labels or source.has_videos else _numbers(source.files, len(source.parts))
        self._first = labels.next_id() if labels else 0
        self._read = 0

    def add(self, frame: MediaFrame, people: InstanceData) -> list[dict]:
        """Add the people of a frame and give their entries."""
        found = {name: people[name] for name in people.keys()}
        self._file.process({}, [dict(img_id=self._id(frame), pred_instances=found)])
        self._read += 1
        number = {} if frame.number is None else dict(frame=frame.number)
        self._file.results[-1] = [entry | dict(file_name=frame.path, **number) for entry in self._file.results[-1]]
        return self._file.results[-1]

    def write(self, inference: Mapping | None = None) -> None:
        """Write the file, with a protocol that says how the predictions came about.

        Args:
            inference: the settings of inference, as of `InferenceSettings`.
        """
        maker = self._inferencer
        meta = dict(maker.dataset_meta, boxes=maker.boxes_from)
        seen = _Seen(meta, sum(map(len, self._file.results)), self.labels.path if self.labels else None)
        protocol = build_protocol(maker.config, seen, [], maker.checkpoints, maker.predictor.model, inference)
        self._file.protocol = protocol | dict(score_mode=self._mode)
        try:
            self._file.compute_metrics(self._file.results)
        except OSError as error:
            raise InputError(f'{self.path} cannot be written: {error.strerror}') from error

    def _id(self, frame: MediaFrame) -> int:
        known = self.labels.image_id(frame.path) if self.labels and frame.is_file else self._ids.get(frame.path)
        return self._first + self._read if known is None else known


class _Seen(SimpleNamespace):
    """What a protocol asks of a data set."""

    def __init__(self, metainfo: dict, count: int, annotations: str | None):
        super().__init__(metainfo=metainfo, count=count, ann_file=annotations)

    def __len__(self) -> int:
        return self.count


def _score_mode(cfg: Mapping, single_stage: bool) -> str:
    """Return what the score of an entry is, as the config's test has it."""
    evaluators = cfg.get('test_evaluator') or []
    evaluators = evaluators if isinstance(evaluators, Sequence) else [evaluators]
    default = 'bbox' if single_stage else 'bbox_keypoint'
    return next((one['score_mode'] for one in evaluators if 'score_mode' in one), default)


def _numbers(paths: Sequence[str], count: int) -> dict[str, int]:
    """Return the numbers that the names of all image files are, none if one is not."""
    stems = [Path(path).stem for path in paths]
    numbers = [int(stem) for stem in stems if stem.isascii() and stem.isdecimal()]
    return dict(zip(paths, numbers, strict=True)) if len(set(numbers)) == count else {}
