"""A network as an ONNX graph run by onnxruntime, where that is installed: its layers alone, or all of it."""

import importlib.util
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from hybridkp.deploy.exportable_keypoints import ExportableKeypoints
from hybridkp.deploy.onnx_graph import INPUT, make_graph
from hybridkp.models.estimators.keypoint_estimator import to_image
from hybridkp.models.heads.gaussian_heatmap_head import GaussianHeatmapHead


class RawMaps(nn.Module):
    """An estimator's backbone, neck and head: images (B, C, H, W) to heatmaps (B, K, h, w)."""

    def __init__(self, model: BaseModel):
        super().__init__()
        self.model = model
        self.eval()  # the export brings everything back to the mode of this module

    def forward(self, images: Tensor) -> Tensor:
        """Map images to heatmaps."""
        return self.model.head(self.model.extract_feat(images))


def why_not(model: BaseModel, device: str) -> str | None:
    """Say in words why onnxruntime cannot run a model here, or None if it can."""
    for name in ('onnxruntime', 'onnx'):
        if importlib.util.find_spec(name) is None:
            return 'not installed' if name == 'onnxruntime' else f'not measured, {name} is not installed'
    if type(model.head).view is not GaussianHeatmapHead.view:
        return f'not measured, {type(model.head).__name__} predicts more than heatmaps'
    providers = importlib.import_module('onnxruntime').get_available_providers()
    if device == 'cuda' and 'CUDAExecutionProvider' not in providers:
        return 'not measured, this onnxruntime has no CUDA'
    return None


def open_session(graph: Path | bytes, device: str, threads: int):
    """Open a graph for a device."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    provider = 'CUDAExecutionProvider' if device == 'cuda' else 'CPUExecutionProvider'
    return onnxruntime.InferenceSession(graph, options, [provider])


def onnx_network(model: BaseModel, images: Tensor, threads: int) -> Callable[[Tensor], Tensor]:
    """Export a model's network and return what maps images (B, C, H, W) to heatmaps on the images' device."""
    device = images.device.type
    with tempfile.TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        path, axes = Path(folder, 'network.onnx'), {name: {0: 'batch'} for name in ('images', 'maps')}
        names = dict(input_names=['images'], output_names=['maps'], dynamic_axes=axes)
        torch.onnx.export(RawMaps(model), (images,), path, dynamo=False, **names)
        session = open_session(path, device, threads)
        shape = RawMaps(model)(images[:1]).shape[1:]

    def run(images: Tensor) -> Tensor:
        images, maps = images.contiguous(), images.new_empty(len(images), *shape)
        binding = session.io_binding()
        binding.bind_input('images', device, 0, np.float32, tuple(images.shape), images.data_ptr())
        binding.bind_output('maps', device, 0, np.float32, tuple(maps.shape), maps.data_ptr())
        if device == 'cuda':
            torch.cuda.current_stream().synchronize()  # onnxruntime has a stream of its own
        session.run_with_iobinding(binding)
        return maps

    return run


def use_onnx_file(model: BaseModel, data: dict, flip_test: bool, threads: int) -> None:
    """Have a model predict batches of such data by a graph of all of it, as tools/export_onnx.py writes it."""
    pairs = list(data['data_samples'][0].metainfo['flip_indices']) if flip_test else None
    module, images = ExportableKeypoints(model, pairs).eval(), torch.stack(list(data['inputs']))
    device = next(model.parameters()).device
    graph = make_graph(module, images.to(device), list(module.names), 18, programs=False)
    session = open_session(graph.SerializeToString(), device.type, threads)
    fields = ('keypoints', 'keypoint_scores', 'keypoint_covariances')

    def test_step(data: dict) -> list[PoseDataSample]:
        found = model.extract_feat(torch.stack(list(data['inputs'])))
        instances = [InstanceData(**dict(zip(fields, values, strict=True))) for values in zip(*found, strict=True)]
        return to_image(instances, data['data_samples'])

    def run(images: Tensor) -> list[Tensor]:
        found = session.run(list(module.names), {INPUT: images.numpy()})
        return [torch.from_numpy(values)[:, None] for values in found]

    model.extract_feat, model.test_step = run, test_step
