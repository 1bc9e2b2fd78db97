"""The estimator that labels its own images: the view, the labels in it, and what it predicts."""

import pytest
import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


def build_head():
    return dict(
        type='InterestPointHead',
        in_channels=64,
        codec=dict(type='ScoreMap'),
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
    )


def build(train_cfg=None, adaptations=0, **more):
    settings = dict(
        backbone=dict(type='HybridNet', variant='s'),
        neck=dict(type='FeaturePyramid', in_channels=(32, 64, 128, 192), out_channels=64),
        head=build_head(),
        teacher=dict(type='BlobTeacher', count=20, adaptations=adaptations),
        train_cfg=train_cfg,
        test_cfg=dict(max_points=40),
        data_preprocessor=dict(type='PoseDataPreprocessor', mean=MEAN, std=STD, bgr_to_rgb=True),
    )
    return MODELS.build(dict(type='InterestPointEstimator', **(settings | more)))


def images(generator, count=2, size=64):
    return [(255 * torch.rand(3, size, size, generator=generator)).byte() for _ in range(count)]


def batch(model, inputs):
    return model.data_preprocessor(dict(inputs=inputs, data_samples=[PoseDataSample() for _ in inputs]), True)


def test_one_step_gives_every_parameter_a_gradient(mmpose_scope, generator):
    torch.manual_seed(0)
    model = build(adaptations=1).train()
    loss, logs = model.parse_losses(model(**batch(model, images(generator)), mode='loss'))
    loss.backward()
    assert loss.isfinite() and {'loss_keypoint', 'acc_pose'} <= set(logs)
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in model.parameters())


def test_the_teacher_sees_the_image_and_the_network_the_view(mmpose_scope, generator, monkeypatch):
    model = build(dict(corners=0.0, rotation=0.0, zoom=1.0, photometry=0.0))
    seen = {}
    teacher = model.teacher.forward
    monkeypatch.setattr(
        model.teacher, 'forward', lambda grey: seen.setdefault('labels', teacher(seen.setdefault('grey', grey)))
    )
    monkeypatch.setattr(model.head, 'loss', lambda feats, labels, views, size, others: dict(views=views, size=size))
    monkeypatch.setattr(model, 'extract_feat', lambda inputs: (seen.setdefault('view', inputs),))
    inputs = images(generator)
    data = batch(model, inputs)
    losses = model(**data, mode='loss')
    blue, green, red = torch.stack(inputs).float().unbind(dim=1)
    torch.testing.assert_close(seen['grey'], (0.299 * red + 0.587 * green + 0.114 * blue) / 255, rtol=0, atol=1e-5)
    torch.testing.assert_close(seen['view'], data['inputs'], rtol=0, atol=1e-3)  # no change was asked for
    torch.testing.assert_close(losses['views'], torch.eye(3).expand(2, 3, 3), rtol=0, atol=1e-5)
    assert losses['size'] == (64, 64)


def test_the_consistency_sees_images_and_views(mmpose_scope, generator):
    torch.manual_seed(0)
    head = dict(build_head(), consistency=dict(type='ViewConsistency'))
    model = build(head=head).train()
    with torch.autocast('cpu', torch.bfloat16):  # as configs train
        losses = model(**batch(model, images(generator)), mode='loss')
    assert all(value.dtype == torch.float32 and value.isfinite() for value in losses.values())
    assert set(losses) == {'loss_keypoint', 'loss_consistency', 'acc_pose'}
    losses['loss_consistency'].backward()
    assert model.backbone.stem[0].conv.weight.grad.any()


def test_views_differ_and_follow_the_seed(mmpose_scope, generator):
    model, pictures = build(), torch.rand(3, 3, 32, 32, generator=generator)
    torch.manual_seed(1)
    views, homographies = model._view(pictures)
    torch.manual_seed(1)
    again, _ = model._view(pictures)
    assert torch.equal(views, again) and not torch.equal(homographies[0], homographies[1])


def test_predictions_lie_in_the_samples(mmpose_scope, generator):
    torch.manual_seed(0)
    model = build().eval()
    with torch.no_grad():
        samples = model(**batch(model, images(generator)), mode='predict')
    for sample in samples:
        found = sample.pred_instances
        assert found.keypoints.shape[1:] == (1, 2) and 0 < len(found) <= 40
        assert found.keypoint_covariances.shape == (len(found), 1, 2, 2) and found.keypoint_scores.min() > 0
        assert (found.keypoint_scores[:-1] >= found.keypoint_scores[1:]).all()
    maps = model(batch(model, images(generator))['inputs'])
    assert maps.shape == (2, 1, 32, 32)


@pytest.mark.parametrize('size', [(50, 70), (33, 47), (224, 160)])
def test_images_of_any_size(mmpose_scope, size, generator):
    model = build().eval()
    with torch.no_grad():
        found = model(**batch(model, [(255 * torch.rand(3, *size, generator=generator)).byte()]), mode='predict')
    assert found[0].pred_instances.keypoints.ndim == 3


def test_a_training_step_has_the_host_wait_for_nothing(mmpose_scope):
    model = build(adaptations=2).to('meta')
    losses = model(torch.empty(2, 3, 64, 64, device='meta'), mode='loss')
    assert all(value.device.type == 'meta' for value in losses.values())


def test_the_constants_are_no_part_of_a_checkpoint(mmpose_scope):
    assert not [name for name in build().state_dict() if name.startswith(('teacher', 'luma'))]


def test_bad_settings(mmpose_scope):
    with pytest.raises(ValueError, match='a data_preprocessor with mean and std of three channels'):
        build(data_preprocessor=dict(type='PoseDataPreprocessor'))
    with pytest.raises(ValueError, match="mode is 'tensor', 'loss' or 'predict', not 'x'"):
        build()(torch.zeros(1, 3, 32, 32), mode='x')
