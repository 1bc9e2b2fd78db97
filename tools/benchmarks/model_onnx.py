"""A network as an ONNX graph run by onnxruntime, where that is installed."""

import importlib.util
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

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


def onnx_network(model: BaseModel, images: Tensor, threads: int) -> Callable[[Tensor], Tensor]:
    """Export a model's network and return what maps images (B, C, H, W) to heatmaps on the images' device."""
    import onnxruntime

    device = images.device.type
    with tempfile.TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        path, axes = Path(folder, 'network.onnx'), {name: {0: 'batch'} for name in ('images', 'maps')}
        names = dict(input_names=['images'], output_names=['maps'], dynamic_axes=axes)
        torch.onnx.export(RawMaps(model), (images,), path, dynamo=False, **names)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        provider = 'CUDAExecutionProvider' if device == 'cuda' else 'CPUExecutionProvider'
        session = onnxruntime.InferenceSession(path, options, [provider])
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
