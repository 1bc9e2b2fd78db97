"""The first 20 losses of a deterministic training, a family each: a refactoring may not move them.

Where a change is meant to move them, write them anew: pytest tests/test_golden_losses.py --update-golden
"""

import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

GOLDEN = Path(__file__).parent / 'data/golden_losses.json'
MODEL_BASES = Path(__file__).parents[1] / 'configs/_base_/models'
RATES = {'SingleStageEstimator': 2e-2, 'InterestPointEstimator': 3e-3}
STEPS = (1, 5, 10, 20)
TOLERANCES = {'detector_likelihood': 8e-2}
"""Of the later losses; which anchors learn a person jumps, and rounding decides when."""
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


def unet():
    loss = dict(type='WeightedAdaptiveWing')
    head = dict(
        type='GaussianHeatmapHead', in_channels=48, num_keypoints=4, codec=dict(**ISOTROPIC, stride=2), loss=loss
    )
    return dict(type='KeypointEstimator', backbone=dict(type='UNet'), head=head)


def detector():
    model = Config.fromfile(MODEL_BASES / 'yolov7_n_pose.py').model
    widths, likelihood = (8, 8, 8, 8), dict(type='CovarianceLikelihood', kind='laplacian', loss_weight=0.02)
    model.backbone.update(stem=4, stages=[(4, 4), (8, 4), (8, 4), (8, 4), (8, 4)])
    model.neck.update(in_channels=widths, channels=[4] * 4, out_channels=widths)
    model.head.update(in_channels=widths, num_keypoints=4, sigmas=[0.05] * 4)
    model.head.loss.likelihood = likelihood
    return {name: value for name, value in model.to_dict().items() if name != 'data_preprocessor'}


def points():
    interest = dict(
        type='InterestPointHead', codec=dict(type='ScoreMap'), loss=head(64, LEARNED)['loss'], in_channels=64
    )
    pixels = dict(type='PoseDataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3)
    teacher = dict(type='BlobTeacher', count=20, adaptations=1)
    return hybridnet(LEARNED) | dict(
        type='InterestPointEstimator', head=interest, teacher=teacher, data_preprocessor=pixels
    )


def people(keypoints):
    """Label the four points of each picture as those of one person."""
    samples = []
    for points in keypoints:
        low, high = points.amin(dim=0) - 4, points.amax(dim=0) + 4
        samples.append(PoseDataSample(metainfo=dict(input_size=(64, 64))))
        samples[-1].gt_instance_labels = InstanceData(
            box_labels=torch.cat((low, high))[None],
            keypoint_labels=points[None],
            keypoint_flags=torch.full((1, len(points)), 2.0),
            instance_areas=(high - low).prod()[None] / 2,
            class_labels=torch.zeros(1, dtype=torch.long),
        )
    return samples


FAMILIES = {
    'hybridnet_learned': hybridnet(LEARNED),
    'hybridnet_isotropic': hybridnet(ISOTROPIC),
    'hrnet_learned': hrnet(LEARNED),
    'unet_adaptive-wing': unet(),
    'detector_likelihood': detector(),
    'points_adapted': points(),
}


def train(config, make_samples):
    """Return the losses of 20 steps on blobs of two pictures that are always the same."""
    generator = torch.Generator().manual_seed(0)
    keypoints = 12 + 40 * torch.rand(4, 4, 2, generator=generator)
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing='ij')
    squared = (columns - keypoints[..., 0, None, None]).square() + (rows - keypoints[..., 1, None, None]).square()
    inputs = torch.exp(-squared / 50)[:, :3] + 0.1 * torch.randn(4, 3, 64, 64, generator=generator)
    labels = make_samples(keypoints, torch.ones(4, 4), (64, 64))
    samples = people(keypoints) if config['type'] == 'SingleStageEstimator' else labels
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MODELS.build(config)
        model.init_weights()
        optimizer, curve = torch.optim.AdamW(model.parameters(), lr=RATES.get(config['type'], 5e-4)), []
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
    assert losses == pytest.approx(golden[family], rel=TOLERANCES.get(family, 2e-2))
    assert losses['20'] < 0.8 * losses['1'], 'an example that learns nothing shows nothing'
