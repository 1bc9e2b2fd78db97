"""A trained network as an ONNX file that is proven equal."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from hybridkp.datasets.skeleton import skeleton_metainfo
from hybridkp.deploy.exportable_keypoints import ExportableKeypoints
from hybridkp.deploy.exportable_people import ExportablePeople
from hybridkp.deploy.exportable_points import ExportablePoints
from hybridkp.deploy.graph_description import KEY, describe
from hybridkp.deploy.onnx_graph import INPUT, make_graph, require_onnx
from hybridkp.deploy.onnx_suppression import add_suppression, check_suppression, with_rows
from hybridkp.deploy.parity import Fields, Parity, Run, compare
from hybridkp.deploy.sample_images import sample_images
from hybridkp.engine.atomic_backend import AtomicBackend
from hybridkp.engine.trained_model import build_trained
from hybridkp.errors import InputError
from hybridkp.models.estimators.keypoint_estimator import predict_batch


@dataclass(frozen=True)
class OnnxExport:
    """Write a network as an ONNX file, if onnxruntime then finds what torch finds.

    Args:
        opset: the version of ONNX's operators.
        flip_test: whether the mirrored image is predicted as well.
        suppresses: whether the graph of a single-stage network ends with non-maximum suppression.
        images: a folder of images to compare on; None for the config's test set.
        max_shift: the largest difference in px of the input.
        programs: which of torch's exporters is used, see `make_graph`.
    """

    opset: int = 18
    flip_test: bool = False
    suppresses: bool = False
    images: str | None = None
    max_shift: float = 0.01
    programs: bool | None = None

    def write(self, cfg: Config, checkpoints: Sequence[str], out: str) -> tuple[Parity, dict]:
        """Export the network of a config and a checkpoint, or the ensemble of several, to a file.

        Nothing is written where something is wrong.

        Returns:
            The differences and the description, as the file has it.

        Raises:
            FileNotFoundError: if a file is missing.
            InputError: if a package is missing, the network cannot be exported or the checkpoint is of another one, or
                if onnxruntime finds something else.
        """
        require_onnx()
        if not self.max_shift >= 0:
            raise InputError(f'--max-shift is a distance in px, got {self.max_shift}')
        with DefaultScope.overwrite_default_scope('mmpose'):
            model = build_trained(cfg, checkpoints)
            module = self.exportable(cfg, model)
            inputs, source = sample_images(cfg, self.images)
        graph = make_graph(module, inputs[:2], list(module.names), self.opset, self.programs)
        rows = add_suppression(graph, model.head.num_classes, module.settings) if self.suppresses else {}
        size = inputs.shape[3], inputs.shape[2]
        about = dict(describe(cfg, checkpoints, module, size, self.suppresses), opset=self.opset)
        entry = graph.metadata_props.add()
        entry.key, entry.value = KEY, json.dumps(about)
        onnx_run = (
            _suppressing_run(graph, rows, module) if rows else _graph_run(graph.SerializeToString(), module.names)
        )
        torch_run = _rows_run(module) if module.task == 'people' else _torch_run(model, module)
        parity = compare(onnx_run, torch_run, inputs.numpy(), any_number=module.task == 'points')
        parity.check(self.max_shift)
        content = graph.SerializeToString()
        AtomicBackend().put(content, out)
        return parity, dict(about, compared_on=source, bytes=len(content))

    def exportable(self, cfg: Config, model: BaseModel) -> nn.Module:
        """Give the part of a model that a graph can hold.

        Raises:
            InputError: if the model is of none of the known kinds, or the options are not for its kind.
        """
        kind = cfg.model.type
        if self.suppresses and kind != 'SingleStageEstimator':
            raise InputError(f'--nms is for single-stage networks, and {cfg.filename} has a {kind}')
        if kind == 'InterestPointEstimator' and not self.flip_test:
            return ExportablePoints(model).eval()
        kinds = {'KeypointEstimator': ExportableKeypoints, 'SingleStageEstimator': ExportablePeople}
        if kind not in kinds:
            what = f'{kind} with --flip-test' if self.flip_test else kind
            raise InputError(f'{cfg.filename}: expected one of {", ".join(kinds)} to export, got {what}')
        for estimator in getattr(model, 'members', [model]):
            estimator.test_cfg = dict(estimator.test_cfg, flip_test=self.flip_test)
        skeleton = skeleton_metainfo(cfg.test_dataloader.dataset.skeleton)
        return kinds[kind](model, skeleton['flip_indices'] if self.flip_test else None).eval()


def _graph_run(content: bytes, names: Sequence[str]) -> Run:
    """Give what runs a graph's bytes by onnxruntime and gives outputs by their names."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, ['CPUExecutionProvider'])
    return lambda images: dict(zip(names, session.run(list(names), {INPUT: images}), strict=True))


def _suppressing_run(graph, rows: Mapping[str, str], module: nn.Module) -> Run:
    """Give what runs a graph, checks what it keeps of its rows, and gives the rows."""
    run = _graph_run(with_rows(graph, rows).SerializeToString(), [*module.names, *rows.values()])

    def checked(images: np.ndarray) -> Fields:
        found = run(images)
        before = {name: found[row] for name, row in rows.items()}
        check_suppression(found, before, module.settings)
        return before

    return checked


def _rows_run(module: nn.Module) -> Run:
    """Give what computes a module's rows by torch."""

    @torch.no_grad()
    def run(images: np.ndarray) -> Fields:
        found = module(torch.from_numpy(images))
        return {name: values.numpy() for name, values in zip(module.names, found, strict=True)}

    return run


def _torch_run(model: BaseModel, module: nn.Module) -> Run:
    """Give what predicts as a test does."""

    @torch.no_grad()
    def run(images: np.ndarray) -> Fields:
        inputs = torch.from_numpy(images)
        samples = [_sample(image, getattr(module, 'flip_indices', None)) for image in inputs]
        batch = dict(inputs=list(inputs), data_samples=samples)
        return _fields([sample.pred_instances for sample in predict_batch(model, batch)], module.task)

    return run


def _sample(image: Tensor, flip_indices: Sequence[int] | None) -> PoseDataSample:
    """Make a sample of an image (C, H, W) that is its input."""
    size = np.array(image.shape[:0:-1], np.float32)
    about = dict(input_size=size, input_center=size / 2, input_scale=size, ori_shape=tuple(image.shape[1:]))
    sample = PoseDataSample(metainfo=dict(about, flip_indices=flip_indices))
    sample.gt_instances = InstanceData(bboxes=np.zeros((1, 4), np.float32), bbox_scores=np.ones(1, np.float32))
    return sample


def _fields(found: Sequence[InstanceData], task: str) -> dict[str, list[np.ndarray]]:
    """Name what was predicted in each image as a graph does."""
    names = dict(keypoints='keypoints', scores='keypoint_scores', covariances='keypoint_covariances')
    axis = 0 if task == 'crop' else 1  # one instance of K keypoints, or N instances of one
    return {name: [np.squeeze(pred[field], axis) for pred in found] for name, field in names.items()}
