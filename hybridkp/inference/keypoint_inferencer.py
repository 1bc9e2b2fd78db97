"""Keypoints with covariances in images, videos and webcams, from Python."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from mmengine.device import get_device
from mmengine.structures import InstanceData

from hybridkp import stack
from hybridkp.engine.launch import load_config
from hybridkp.errors import InputError
from hybridkp.inference.first_stage import FirstStage, check_follows
from hybridkp.inference.frame_predictor import Boxes, FramePredictor
from hybridkp.inference.media_frame import MediaFrame
from hybridkp.inference.media_source import Inputs, MediaSource
from hybridkp.inference.people_picture import PeoplePicture
from hybridkp.inference.person_boxes import PersonBoxes
from hybridkp.inference.person_detector import PersonDetector, read_config

BOX_SCORE = 0.25
"""The least score of a box that people are looked for in."""
WHOLE_IMAGE = 'the whole image'
"""Where boxes are from if nobody gives any."""


class KeypointInferencer:
    """Finds keypoints in whatever holds images, with a trained network, single-stage or top-down.

    The points are those that a test with the same config finds. Top-down networks of people take boxes from a
    file or from a detector; without either the whole image is the box.

    Args:
        config: the config file.
        checkpoint: the checkpoint file, or several, whose heatmaps are averaged.
        device: where it runs, like ``'cpu'`` or ``'cuda:0'``; None for the first GPU, or the CPU where there is none.
        boxes: a file of boxes, see `PersonBoxes` for its forms.
        detector: the config and checkpoint of a detector, see `PersonDetector`, or of the first of two networks, see
            `FirstStage`, which may have several checkpoints; of three networks such a list for each but the last.
        score_threshold: people whose box has a lower score are left out; None for the config's own threshold, and for
            boxes of a file or detector 0.25.
        batch_size: how many images, or boxes, the network sees at a time.
        cfg_options: settings of the config to override, as ``{'model.test_cfg.flip_test': False}``.

    Attributes:
        predictor: the network and what its config does to an image.
        config: the config, after all options.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: a file is wrong, does not fit, or the network takes no boxes; the message names the file.
    """

    def __init__(
        self,
        config: str | Path,
        checkpoint: str | Path | Sequence[str | Path],
        device: str | torch.device | None = None,
        boxes: str | Path | None = None,
        detector: Sequence[str] | Sequence[Sequence[str]] | None = None,
        score_threshold: float | None = None,
        batch_size: int = 8,
        cfg_options: dict | None = None,
    ):
        stack.mend()
        self.config = load_config(str(config), cfg_options, None)
        paths = [checkpoint] if isinstance(checkpoint, str | Path) else checkpoint
        self.checkpoints = [str(path) for path in paths]
        self.device = str(device or get_device())
        self.predictor = FramePredictor(self.config, self.checkpoints, self.device, batch_size)
        if score_threshold is not None and self.predictor.single_stage:
            model = self.predictor.model
            model.test_cfg = {**model.test_cfg, 'score_threshold': score_threshold}
        if (boxes or detector) and not self.predictor.takes_boxes:
            raise InputError(f'{config}: expected no boxes: the network sees whole frames and finds its own people')
        if boxes and detector:
            raise InputError('expected boxes of a file or of a detector, got both')
        minimum = BOX_SCORE if score_threshold is None else score_threshold
        self.boxes = PersonBoxes(boxes, minimum) if boxes else None
        self.detector = None
        for stage in [detector] if detector and isinstance(detector[0], str) else detector or []:
            self.detector = self._build_detector(*stage, minimum=minimum)
        if isinstance(self.detector, FirstStage):
            check_follows(self.predictor, self.detector)

    def _build_detector(self, config: str, *checkpoints: str, minimum: float) -> PersonDetector | FirstStage:
        if not checkpoints:
            raise InputError(f'detector {config}: expected a config and a checkpoint, got one file')
        cfg = read_config(config)
        if cfg.model.type in ('KeypointEstimator', 'KeypointEnsemble'):
            return FirstStage(cfg, checkpoints, self.device, before=self.detector)
        if self.detector:
            raise InputError(f'{config}: expected one detector, or networks of landmarks one after another')
        if len(checkpoints) > 1:
            raise InputError(f'{config}: expected one checkpoint of a detector, got {len(checkpoints)}')
        return PersonDetector(cfg, checkpoints[0], self.device, minimum)

    @property
    def dataset_meta(self) -> dict:
        """Return names, links, colours and the like of the keypoints, as mmpose has them."""
        return self.predictor.meta

    @property
    def boxes_from(self) -> str:
        """Say where boxes are from."""
        if self.predictor.single_stage:
            return 'none: the network finds its own'
        if self.boxes:
            return self.boxes.path
        return f'detector {self.detector.name}' if self.detector else WHOLE_IMAGE

    def __call__(
        self, inputs: Inputs, bboxes: Sequence[np.ndarray] | None = None, skipped: list[str] | None = None
    ) -> Iterator[InstanceData]:
        """Predict the people of each image, one image after another, as they are asked for.

        Args:
            inputs: the path of an image, a folder or a video, a glob pattern, ``'webcam:0'``, an image (h, w, 3), BGR,
                uint8, or a list of these, see `MediaSource`.
            bboxes: for each image the boxes (N, 4), left, top, right, bottom in px, in place of a file's or detector's.
            skipped: takes a sentence for each image that cannot be read, which has no prediction then; without it, the
                first such image raises an error.

        Returns:
            What gives N people of each image as numpy arrays: ``keypoints`` (N, K, 2) px, ``keypoint_scores`` (N, K),
            ``keypoint_covariances`` (N, K, 2, 2) px^2, ``bboxes`` (N, 4) px, ``bbox_scores`` (N,); in ``metainfo`` are
            ``img_path``, ``frame``, that of a video, else None, and ``ori_shape``, (h, w) in px.

        Raises:
            FileNotFoundError: there is no such file.
            InputError: a file is wrong, or there are not as many `bboxes` as images.
        """
        return (people for _, _, people in self.predict(MediaSource(inputs), bboxes, skipped))

    def predict(
        self, source: MediaSource, bboxes: Sequence[np.ndarray] | None = None, skipped: list[str] | None = None
    ) -> Iterator[tuple[MediaFrame, np.ndarray, InstanceData]]:
        """Predict as `__call__` does, and give each frame and its image, as it was read, as well."""
        if bboxes is not None and not self.predictor.takes_boxes:
            raise InputError('expected no bboxes: the network sees whole frames and finds its own people')
        if bboxes is not None and len(bboxes) != source.count():
            raise InputError(f'expected bboxes for each of {source.count()} images, got them for {len(bboxes)}')
        return self._predict(source, bboxes, skipped)

    def _predict(
        self, source: MediaSource, bboxes: Sequence[np.ndarray] | None, skipped: list[str] | None
    ) -> Iterator[tuple[MediaFrame, np.ndarray, InstanceData]]:
        together = 1 if source.is_live else self.predictor.batch_size
        frames = self._read(source, bboxes, skipped)
        while chunk := list(islice(frames, together)):
            images = [image for _, image, _ in chunk]
            boxes = self._boxes(chunk)
            for (frame, image, _), people in zip(chunk, self.predictor.predict(images, boxes), strict=True):
                shape = tuple(int(side) for side in image.shape[:2])
                people.set_metainfo(dict(img_path=frame.path, frame=frame.number, ori_shape=shape))
                yield frame, image, people

    def visualize(self, image: np.ndarray, people: InstanceData, keypoint_threshold: float = 0.2) -> np.ndarray:
        """Draw people with their limbs and covariance ellipses over their image (h, w, 3), BGR, or (h, w), uint8.

        Args:
            image: the image.
            people: what was predicted on it.
            keypoint_threshold: keypoints with a lower score are left out.

        Returns:
            The picture (h, w, 3), uint8, BGR; small images are enlarged.
        """
        return PeoplePicture(self.dataset_meta, self.predictor.single_stage, keypoint_threshold).draw(image, people)

    def _read(
        self, source: MediaSource, bboxes: Sequence[np.ndarray] | None, skipped: list[str] | None
    ) -> Iterator[tuple[MediaFrame, np.ndarray, Boxes | None]]:
        """Give each frame that can be read, its image and the boxes that are known of it."""
        for i, frame in enumerate(source.frames(skipped)):
            try:
                image = frame.read(self.predictor.color_type)
            except (InputError, FileNotFoundError) as error:
                if skipped is None:
                    raise
                skipped.append(str(error))
                continue
            if bboxes is not None:
                yield frame, image, _given(bboxes[i], frame.name)
            else:
                yield frame, image, self.boxes.find(frame, image.shape[:2]) if self.boxes else None

    def _boxes(self, chunk: Sequence[tuple[MediaFrame, np.ndarray, Boxes | None]]) -> list[Boxes | None]:
        """Give the boxes of some frames, None for the whole of one."""
        boxes = [box for _, _, box in chunk]
        if self.detector is None or boxes[0] is not None:
            return boxes
        return self.detector([image for _, image, _ in chunk])


def _given(boxes: np.ndarray, name: str) -> Boxes:
    """Check boxes that a caller gives, and give them a score of 1."""
    boxes = np.asarray(boxes, dtype=np.float32).reshape(-1, 4) if np.size(boxes) == 0 else np.float32(boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():
        raise InputError(f'{name}: expected finite boxes (N, 4), got {boxes.shape}')
    if (boxes[:, 2:] <= boxes[:, :2]).any():
        raise InputError(f'{name}: expected boxes left, top, right, bottom with an area, got {boxes.tolist()}')
    return boxes, np.ones(len(boxes), np.float32)
