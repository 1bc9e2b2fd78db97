"""The first 20 losses of a deterministic training, a family each: a refactoring may not move them.

Where a change is meant to move them, write them anew: pytest tests/test_golden_losses.py --update-golden
"""

import json
from pathlib import Path

import pytest
import torch
from mmpose.registry import MODELS

GOLDEN = Path(__file__).parent / 'data/golden_losses.json'
STEPS = (1, 5, 10, 20)
LEARNED = dict(type='AnisotropicHeatmap', covariance=dict(type='LearnedCovariance', relative_sigma=0.06))
ISOTROPIC = dict(type='IsotropicHeatmap', relative_sigma=0.06)


def head(in_channels, codec):
    loss = dict(type='KeypointMSELoss', use_target_weight=True)
    return dict(type='GaussianHeatmapHead', in_channels=in_channels, num_keypoints=4, codec=codec, loss=loss)


def hybridnet(codec):
    neck = dict(type='FeaturePyramid', in_channels=(32, 64, 128, 192), out_channels=64)
    backbone = dict(type='HybridNet', variant='s')
    return dict(type='KeypointEstimator', backbone=backbone, neck=neck, head=head(64, codec))


def hrnet(codec):
    stages = dict(
        stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1,), num_channels=(8,)),
        **{
            f'stage{i}': dict(
                num_modules=1, num_branches=i, block='BASIC', num_blocks=(1,) * i, num_channels=(8, 16, 32, 64)[:i]
            )
            for i in (2, 3, 4)
        },
    )
    backbone = dict(type='HRNet', extra=stages)
    return dict(type='KeypointEstimator', backbone=backbone, head=head(8, codec))


FAMILIES = {
    'hybridnet_learned': hybridnet(LEARNED),
    'hybridnet_isotropic': hybridnet(ISOTROPIC),
    'hrnet_learned': hrnet(LEARNED),
}


def train(config, make_samples):
    """Return the losses of 20 steps on blobs of two pictures that are always the same."""
    generator = torch.Generator().manual_seed(0)
    keypoints = 12 + 40 * torch.rand(4, 4, 2, generator=generator)
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing='ij')
    squared = (columns - keypoints[..., 0, None, None]).square() + (rows - keypoints[..., 1, None, None]).square()
    inputs = torch.exp(-squared / 50)[:, :3] + 0.1 * torch.randn(4, 3, 64, 64, generator=generator)
    samples = make_samples(keypoints, torch.ones(4, 4), (64, 64))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MODELS.build(config)
        model.init_weights()
    optimizer, curve = torch.optim.AdamW(model.parameters(), lr=5e-4), []
    for _ in range(20):
        losses = model(inputs, samples, mode='loss')
        total = sum(value for name, value in losses.items() if name.startswith('loss'))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        curve.append(total.item())
    return {str(step): round(curve[step - 1], 6) for step in STEPS}


@pytest.mark.parametrize('family', FAMILIES)
def test_losses_have_not_moved(family, request, mmpose_scope, make_samples):
    losses = train(FAMILIES[family], make_samples)
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if request.config.getoption('--update-golden'):
        golden[family] = losses
        GOLDEN.write_text(json.dumps(golden, indent=2, sort_keys=True) + '\n')
    assert losses['1'] == pytest.approx(golden[family]['1'], rel=1e-4)
    # other processors round otherwise, and training makes the differences grow
    assert losses == pytest.approx(golden[family], rel=2e-2)
    assert losses['20'] < 0.8 * losses['1'], 'an example that learns nothing shows nothing'
