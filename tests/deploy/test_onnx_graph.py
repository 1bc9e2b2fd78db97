"""Graphs of a free batch size from both of torch's exporters, and what stops them."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from hybridkp.codecs import AnisotropicHeatmap
from hybridkp.deploy.onnx_graph import make_graph, require_onnx
from hybridkp.errors import InputError
from hybridkp.ops.gaussian import render_gaussians

onnxruntime = pytest.importorskip('onnxruntime')
NAMES = ['keypoints', 'scores', 'covariances']


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.codec = AnisotropicHeatmap(dict(type='FixedCovariance', sigma=6))

    def forward(self, images):
        return self.codec.decode(images.float() / 255)


def peaks(generator):
    points = 4 + 20 * torch.rand(3, 4, 2, generator=generator)
    shapes = torch.tensor([[4.0, 1.0], [1.0, 2.0]]).expand(3, 4, 2, 2)
    maps = 250 * render_gaussians(points, shapes, (32, 28))
    maps[1, 2] = 0  # the fit's fall-back
    return maps.round().to(torch.uint8)


@pytest.mark.parametrize('programs', [False, True], ids=['trace', 'program'])
def test_decodes_batches_of_any_size(programs, mmpose_scope, generator):
    decoder, images = Decoder(), peaks(generator)
    graph = make_graph(decoder, images[:2], NAMES, 18, programs)
    assert [output.name for output in graph.graph.output] == NAMES
    assert graph.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=['CPUExecutionProvider'])
    for count in (1, 3):
        found = session.run(NAMES, {'images': images[:count].numpy()})
        for values, expected in zip(found, decoder(images[:count]), strict=True):
            np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-4)


class Undecided(nn.Module):
    def forward(self, images):
        return images.float().histc(4), images.float()


def test_says_why_not():
    with pytest.raises(InputError, match=r'torch .* cannot export this network: .*histc'):
        make_graph(Undecided(), torch.zeros(2, 3, 4, 4, dtype=torch.uint8), ['a', 'b'], 18, False)


@pytest.mark.parametrize('package', ['onnx', 'onnxruntime', 'onnxscript'])
def test_says_what_is_not_installed(package, monkeypatch):
    require_onnx()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf'needs {package}, which is not installed: pip install -e \.\[deploy\]'):
        require_onnx()
