"""The head of interest points: targets on paper, what it learns from them, and what it predicts."""

import pytest
import torch
from mmpose.registry import MODELS

from hybridkp.models.teachers.point_labels import PointLabels
from hybridkp.ops.homography import transform_points

SIZE = (64, 64)


def build(**more):
    settings = dict(codec=dict(type='ScoreMap', stride=2), loss=dict(type='KeypointMSELoss', use_target_weight=True))
    return MODELS.build(dict(type='InterestPointHead', in_channels=8, **(settings | more)))


def labels(points, groups=1, homographies=None, weights=None):
    """Labels of points (B, G, N, 2) that are 4 px wide."""
    points = torch.as_tensor(points, dtype=torch.float32)
    if homographies is None:
        homographies = torch.eye(3).expand(*points.shape[:2], 3, 3)
    weights = torch.ones(points.shape[:3]) if weights is None else weights
    return PointLabels(points, (16 * torch.eye(2)).expand(*points.shape, 2), weights, homographies)


def shift(x, y):
    return torch.tensor([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


EYE = torch.eye(3)[None]


def test_the_map_is_finer_than_the_features(mmpose_scope):
    head = build()
    assert head((torch.rand(2, 8, 16, 12),)).shape == (2, 1, 32, 24)
    assert build(codec=dict(type='ScoreMap', stride=4))((torch.rand(1, 8, 16, 12),)).shape == (1, 1, 16, 12)
    with pytest.raises(ValueError, match='a codec stride that divides the features. 4 px, got 3'):
        build(codec=dict(type='ScoreMap', stride=3))


def test_targets_are_the_points_in_the_view(mmpose_scope):
    head = build()
    targets, shown = head.targets(labels([[[[20.5, 30.5]]]]), EYE, SIZE, (32, 32))
    assert targets.shape == shown.shape == (1, 1, 32, 32) and (shown == 1).all()
    assert targets[0, 0, 15, 10] == 1 and targets.sum() < 10
    moved, shown = head.targets(labels([[[[20.5, 30.5]]]]), shift(10.0, -4.0)[None], SIZE, (32, 32))
    assert moved[0, 0, 13, 15].item() == pytest.approx(1, abs=1e-5)
    assert (shown[0, 0, :, :5] == 0).all() and (shown[0, 0, :, 5:] == shown[0, 0, 5, 5:][None]).sum() > 0
    assert shown[0, 0, 29, 10] == 1 and shown[0, 0, 30, 10] == 0  # what the image does not show does not count


def test_covariances_turn_with_the_view(mmpose_scope):
    head = build()
    wide = labels([[[[32.0, 32.0]]]])._replace(covariances=torch.diag(torch.tensor([36.0, 9.0])).view(1, 1, 1, 2, 2))
    turn = torch.tensor([[[0.0, -1, 63], [1, 0, 0], [0, 0, 1]]])
    flat, _ = head.targets(wide, EYE, SIZE, (32, 32))
    upright, _ = head.targets(wide, turn, SIZE, (32, 32))
    torch.testing.assert_close(upright[0, 0], flat[0, 0].rot90(-1), rtol=0, atol=1e-4)


def test_adaptation_is_the_share_of_the_views_that_show_a_place(mmpose_scope):
    points = torch.tensor([[[[20.5, 20.5], [44.5, 44.5]], [[20.5, 20.5], [0, 0]], [[0, 0], [0, 0]]]])
    weights = torch.tensor([[[1.0, 1], [1, 0], [0, 0]]])
    views = torch.stack((torch.eye(3), torch.eye(3), shift(-40, 0)))[None]  # the third does not show the left
    targets, _ = build().targets(labels(points, homographies=views, weights=weights), EYE, SIZE, (32, 32))
    assert targets[0, 0, 10, 10].item() == pytest.approx(1)  # both views that show it
    assert targets[0, 0, 22, 22].item() == pytest.approx(1 / 3)


def test_the_loss_of_nothing_is_one_and_of_the_target_zero(mmpose_scope, monkeypatch):
    head, known = build(), labels([[[[20.5, 30.5], [40.0, 11.0]]]])
    targets, _ = head.targets(known, EYE, SIZE, (32, 32))
    for maps, loss, accuracy in ((torch.zeros_like(targets), 1, 0), (targets, 0, 1)):
        monkeypatch.setattr(head, 'forward', lambda feats, maps=maps: maps)
        found = head.loss((), known, EYE, SIZE)
        assert found['loss_keypoint'].item() == pytest.approx(loss, abs=1e-6)
        assert found['acc_pose'].item() == pytest.approx(accuracy)


def test_maps_of_the_images_are_brought_into_the_views(mmpose_scope, monkeypatch):
    head = build(consistency=dict(type='ViewConsistency'))
    known = labels([[[[20.5, 30.5], [40.0, 21.0]]]])
    move = shift(12.0, -6.0)[None]
    image_maps, _ = head.targets(known, EYE, SIZE, (32, 32))
    view_maps, shown = head.targets(known, move, SIZE, (32, 32))
    brought = head._brought(image_maps, move)
    torch.testing.assert_close(brought * shown, view_maps * shown, rtol=0, atol=1e-4)
    monkeypatch.setattr(head, 'forward', lambda feats: feats)
    same = head.loss(view_maps, known, move, SIZE, image_maps)['loss_consistency']
    other = head.loss(view_maps, known, move, SIZE, image_maps.flip(3))['loss_consistency']
    assert same < other


def test_without_a_point_nothing_breaks(mmpose_scope):
    none = labels(torch.zeros(1, 1, 3, 2), weights=torch.zeros(1, 1, 3))
    found = build().loss((torch.rand(1, 8, 16, 16),), none, EYE, SIZE)
    assert all(value.isfinite() for value in found.values()) and found['acc_pose'] == 0


def test_it_learns_where_the_points_are(mmpose_scope, generator):
    head, feats = build(), torch.rand(1, 8, 16, 16, generator=generator)
    feats[0, 0] = 0
    feats[0, 0, 7, 5] = 5
    known = labels([[[[20.5, 28.5]]]])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    before = head.loss((feats,), known, EYE, SIZE)['loss_keypoint'].item()
    for _ in range(60):
        optimizer.zero_grad()
        head.loss((feats,), known, EYE, SIZE)['loss_keypoint'].backward()
        optimizer.step()
    after = head.loss((feats,), known, EYE, SIZE)
    assert after['loss_keypoint'].item() < 0.9 * before and after['acc_pose'] == 1


def test_predictions_are_instances_of_one_keypoint(mmpose_scope, monkeypatch):
    head = build()
    points = torch.tensor([[[20.3, 30.9], [40.0, 11.5]]])
    maps = head.codec.encode(points, (25 * torch.eye(2)).expand(1, 2, 2, 2), torch.tensor([[0.5, 0.9]]), (32, 32))
    monkeypatch.setattr(head, 'forward', lambda feats: torch.cat((maps, torch.zeros_like(maps))))
    first, empty = head.predict((), dict(max_points=10))
    assert first.keypoints.shape == (2, 1, 2) and first.keypoint_covariances.shape == (2, 1, 2, 2)
    torch.testing.assert_close(first.keypoints[:, 0], points[0, [1, 0]], rtol=0, atol=0.05)
    torch.testing.assert_close(first.keypoint_covariances[0, 0], 25 * torch.eye(2), rtol=0.05, atol=0.5)
    assert len(empty) == 0
    assert len(head.predict((), dict(max_points=10, threshold=0.7))[0]) == 1
    assert len(head.predict((), dict(max_points=1))[0]) == 1


def test_a_training_step_has_the_host_wait_for_nothing(mmpose_scope):
    head = build().to('meta')
    with torch.device('meta'):
        known = labels(torch.empty(2, 3, 7, 2), homographies=torch.empty(2, 3, 3, 3), weights=torch.empty(2, 3, 7))
        losses = head.loss((torch.empty(2, 8, 16, 16),), known, torch.empty(2, 3, 3), SIZE)
    assert all(value.device.type == 'meta' for value in losses.values())
    assert transform_points(known.points, known.homographies).device.type == 'meta'
