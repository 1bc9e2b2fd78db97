"""Rows of numbers: apart and together, decoded by hand, and covariances that are definite."""

import torch

from hybridkp.ops.anchor_rows import FLOOR, AnchorRows, covariance_entries, covariance_matrices, decode_map
from hybridkp.ops.covariance import determinant


def rows_of(generator, covariances, classes=2, keypoints=3):
    numbers = 5 + classes + 3 * keypoints * (1 + covariances)
    return torch.randn(2, 1, 4, 5, numbers, generator=generator)


def test_apart_and_together(generator):
    for covariances in (False, True):
        rows = rows_of(generator, covariances)
        parts = AnchorRows.of(rows, 2, 3)
        assert parts.classes.shape == (2, 1, 4, 5, 2) and parts.keypoints.shape == (2, 1, 4, 5, 3, 3)
        assert (parts.shapes is None) != covariances
        assert torch.equal(parts.joined(), rows)
        assert torch.equal(parts.objectness, rows[..., 4])


def test_zeros_decode_by_hand():
    rows = AnchorRows.of(torch.zeros(1, 2, 3, 4, 5 + 1 + 3), 1, 1)
    decoded = decode_map(rows, torch.tensor([[10.0, 20.0], [30.0, 40.0]]), 8)
    # the logistic function of 0 is 1/2: the cell's centre, the anchor's sides; a keypoint is half a cell further up
    assert decoded.boxes[0, 1, 2, 3].tolist() == [3.5 * 8, 2.5 * 8, 30, 40]
    assert decoded.keypoints[0, 1, 2, 3].tolist() == [[2.5 * 8, 1.5 * 8, 0.5]]
    assert decoded.objectness.eq(0.5).all() and decoded.classes.eq(0.5).all() and decoded.shapes is None


def test_boxes_stay_near_their_cell_and_anchor(generator):
    rows = AnchorRows.of(100 * rows_of(generator, False), 2, 3)
    boxes = decode_map(rows, torch.tensor([[10.0, 20.0]]), 8).boxes
    columns = torch.arange(5)[None, None, None] * 8.0
    assert ((boxes[..., 0] - columns).abs() <= 12).all() and (boxes[..., 2:] <= torch.tensor([40, 80])).all()


def test_covariances_are_definite_and_grow_with_the_stride(generator):
    factors = 3 * torch.randn(50, 4, 3, generator=generator)
    covariances = covariance_matrices(covariance_entries(factors, 8))
    assert torch.equal(covariances, covariances.mT)
    # no axis is shorter than the floor
    assert (determinant(covariances - 0.99 * (8 * FLOOR) ** 2 * torch.eye(2)) > 0).all()
    torch.testing.assert_close(covariances, 64 * covariance_matrices(covariance_entries(factors, 1)))


def test_covariance_by_hand():
    raw = torch.tensor([1.0, 2.0, 3.0])
    a, b, c = (raw[[0, 2]].exp() + 1).log()[0], raw[1], (raw[[0, 2]].exp() + 1).log()[1]
    factor = torch.tensor([[a, 0], [b, c]])
    expected = factor @ factor.mT + FLOOR**2 * torch.eye(2)
    torch.testing.assert_close(covariance_matrices(covariance_entries(raw, 1)), expected)
