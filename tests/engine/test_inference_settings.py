"""Settings of inference: what they change, what they leave alone, on which models."""

import json
import shutil

import pytest
import torch
from mmpose.registry import MODELS
from torch import nn

from hybridkp.engine.inference_settings import InferenceSettings
from hybridkp.errors import InputError

HEAD = dict(
    type='GaussianHeatmapHead',
    in_channels=8,
    num_keypoints=3,
    codec=dict(type='IsotropicHeatmap', sigma=6),
    loss=dict(type='KeypointMSELoss', use_target_weight=True),
)
MODEL = dict(
    type='KeypointEstimator',
    backbone=dict(type='HybridNet', variant='s'),
    neck=dict(type='FeaturePyramid', in_channels=(32, 64, 128, 192), out_channels=8),
    head=HEAD,
)


class Plain(nn.Module):
    """The smallest estimator: a layer that records what it is given."""

    def __init__(self, layer=None):
        super().__init__()
        self.backbone = layer or nn.Conv2d(3, 4, 3)
        self.seen = []
        self.backbone.register_forward_pre_hook(lambda module, args: self.seen.append(args[0]))

    def extract_feat(self, images):
        return (self.backbone(images),)


@pytest.fixture
def model(mmpose_scope):
    torch.manual_seed(0)
    return MODELS.build(MODEL).eval()


def maps_under(settings, model, images):
    """Return the heatmaps of images before and after."""
    with torch.no_grad():
        before = model.head(model.extract_feat(images))
        settings.apply(model, len(images))
        return before, model.head(model.extract_feat(images))


def test_none_change_nothing(model):
    images = torch.randn(2, 3, 64, 64)
    before, after = maps_under(InferenceSettings(), model, images)
    assert torch.equal(before, after) and 'extract_feat' not in vars(model)


@pytest.mark.parametrize('dtype, error', [('bfloat16', 0.05), ('float16', 0.01)])
def test_half_precision_is_that_of_autocast_and_the_head_stays_in_float32(model, dtype, error):
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad(), torch.autocast('cpu', getattr(torch, dtype)):
        expected = model.extract_feat(images)
    before, after = maps_under(InferenceSettings(dtype), model, images)
    (feats,) = model.extract_feat(images)
    assert feats.dtype == after.dtype == torch.float32
    assert torch.equal(feats, expected[0].float())
    assert 0 < (after - before).abs().max() < error * before.abs().max()
    assert {value.dtype for value in model.head.parameters()} == {torch.float32}
    types = {type(layer).__name__: p.dtype for layer in model.backbone.modules() for p in layer.parameters(False)}
    assert types == {'Conv2d': getattr(torch, dtype), 'BatchNorm2d': torch.float32}


def test_images_are_laid_out_channels_last():
    model = Plain()
    InferenceSettings(channels_last=True).apply(model)
    model.extract_feat(torch.randn(2, 3, 8, 8))
    (seen,) = model.seen
    assert seen.is_contiguous(memory_format=torch.channels_last)
    assert model.backbone.weight.is_contiguous(memory_format=torch.channels_last)


def test_compiled_networks_see_few_sizes(monkeypatch):
    options = []
    monkeypatch.setattr(torch, 'compile', lambda function, **more: options.append(more) or function)
    model = Plain()
    expected = [model.extract_feat(torch.ones(count, 3, 8, 8))[0] for count in range(1, 10)]
    model.seen.clear()
    InferenceSettings(compile=True).apply(model, batch_size=4)
    for count in (4, 3, 8, 5, 1, 9):
        (feats,) = model.extract_feat(torch.ones(count, 3, 8, 8))
        torch.testing.assert_close(feats, expected[count - 1])
    assert [len(images) for images in model.seen] == [4, 4, 8, 8, 4, 9]
    assert options == [dict(dynamic=False, options=dict(freezing=True))]


@pytest.mark.skipif(not shutil.which('g++'), reason='needs a compiler')
def test_a_compiled_network_gives_the_same_maps():
    torch._dynamo.reset()
    torch.manual_seed(0)
    model = Plain(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())).eval()
    images = torch.randn(2, 3, 16, 16)
    expected = model.backbone(images).detach()
    InferenceSettings(channels_last=True, compile=True).apply(model, batch_size=2)
    for count in (2, 1):
        torch.testing.assert_close(model.extract_feat(images[:count])[0], expected[:count], atol=1e-5, rtol=1e-4)


def test_a_compiler_that_fails_is_named(monkeypatch):
    class CompilerFailed(Exception):
        __module__ = 'torch._inductor.exc'

    def fail(images):
        raise CompilerFailed('no compiler found\nand much more')

    monkeypatch.setattr(torch, 'compile', lambda function, **options: fail)
    model = Plain()
    InferenceSettings(compile=True).apply(model)
    with pytest.raises(InputError, match='^--compile does not work here: no compiler found$'):
        model.extract_feat(torch.ones(1, 3, 8, 8))


def test_members_and_wrapped_models_are_found(mmpose_scope):
    ensemble = MODELS.build(dict(type='KeypointEnsemble', members=[MODEL] * 2)).eval()
    InferenceSettings('bfloat16').apply(nn.ModuleDict(dict(module=ensemble)))
    assert all('extract_feat' in vars(member) for member in ensemble.members)
    head = dict(type='HeatmapHead', in_channels=8, out_channels=3, deconv_out_channels=None)
    stock = MODELS.build(dict(MODEL, type='TopdownPoseEstimator', head=head)).eval()
    before, after = maps_under(InferenceSettings('bfloat16', channels_last=True), stock, torch.randn(1, 3, 64, 64))
    assert after.dtype == torch.float32 and 0 < (after - before).abs().max()


def test_a_model_without_the_part_is_refused():
    with pytest.raises(InputError, match='expected a model with an extract_feat to run under --amp fp16, got Linear'):
        InferenceSettings('float16').apply(nn.Linear(2, 2))


def test_names():
    assert str(InferenceSettings()) == ''
    assert str(InferenceSettings('bfloat16', True, True)) == '--amp bf16 --channels-last --compile'
    expected = {'dtype': 'float16', 'channels_last': False, 'compile': True}
    assert json.loads(json.dumps(InferenceSettings('float16', compile=True).as_dict())) == expected
    with pytest.raises(ValueError, match="dtype is one of float32, bfloat16, float16, not 'bf16'"):
        InferenceSettings('bf16')
