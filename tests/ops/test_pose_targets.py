"""People of several images, put together."""

import torch

from hybridkp.ops.pose_targets import PoseTargets


def test_people_keep_their_image():
    counts = (2, 0, 1)
    labels = [torch.arange(count) for count in counts]
    corners = [torch.tensor([[0.0, 0, 4, 2]]).repeat(count, 1) + index for index, count in enumerate(counts)]
    points = [torch.full((count, 5, 2), float(index)) for index, count in enumerate(counts)]
    flags, areas = [torch.ones(count, 5) for count in counts], [torch.ones(count) for count in counts]
    targets = PoseTargets.of_images(labels, corners, points, flags, areas)
    assert targets.images.tolist() == [0, 0, 2] and targets.labels.tolist() == [0, 1, 0]
    assert targets.boxes.tolist() == [[2, 1, 4, 2], [2, 1, 4, 2], [4, 3, 4, 2]]
    assert targets.keypoints[:, 0, 0].tolist() == [0, 0, 2]


def test_nobody_at_all():
    parts = (torch.zeros(0, 4), torch.zeros(0, 5, 2), torch.zeros(0, 5), torch.zeros(0))
    targets = PoseTargets.of_images([torch.zeros(0, dtype=torch.long)] * 2, *([part] * 2 for part in parts))
    assert targets.boxes.shape == (0, 4) and targets.keypoints.shape == (0, 5, 2) and len(targets.images) == 0
