"""Matching of anchors and boxes: by hand, by rules, and whose match is the last one.

That it equals the published rule on hundreds of matches is shown in tests/models/losses/test_anchor_pose_loss.py.
"""

import torch

from hybridkp.ops.anchor_matches import last_match, match_anchors


def matched(boxes, anchors, size, limit=4.0):
    """Every valid match as (box, anchor, row, column)."""
    found = match_anchors(torch.tensor(boxes), torch.tensor(anchors), size, limit)
    table = torch.stack((found.boxes, found.anchors, found.rows, found.columns), dim=1)
    return table[found.valid].tolist()


def test_own_cell_and_two_neighbours():
    # at (2.3, 3.8): the left and the lower neighbour are nearest
    assert matched([[2.3, 3.8, 2.0, 2.0]], [[2.0, 2.0]], (8, 8)) == [[0, 0, 3, 2], [0, 0, 3, 1], [0, 0, 4, 2]]


def test_no_neighbour_outside_of_the_grid():
    assert matched([[0.3, 0.2, 2.0, 2.0]], [[2.0, 2.0]], (8, 8)) == [[0, 0, 0, 0]]
    assert matched([[7.9, 4.5, 2.0, 2.0]], [[2.0, 2.0]], (9, 8)) == [[0, 0, 4, 7]]  # 4.5 is near neither
    assert matched([[8.0, 9.0, 2.0, 2.0]], [[2.0, 2.0]], (9, 8)) == [[0, 0, 8, 7]] * 3  # on the border, moved inside


def test_anchors_of_like_sides_fit():
    anchors = [[2.0, 2.0], [2.0, 7.9], [8.0, 2.0], [0.51, 2.0], [0.5, 2.0]]
    found = matched([[4.5, 4.5, 2.0, 2.0]], anchors, (9, 9))
    assert found == [[0, 0, 4, 4], [0, 1, 4, 4], [0, 3, 4, 4]]
    assert len(matched([[4.5, 4.5, 2.0, 2.0]], anchors, (9, 9), limit=5.0)) == 5


def test_order_is_place_anchor_box():
    boxes = [[2.3, 2.5, 2.0, 2.0], [5.3, 5.5, 2.0, 2.0]]
    found = matched(boxes, [[2.0, 2.0], [3.0, 3.0]], (8, 8))
    assert [row[:2] for row in found] == [[0, 0], [1, 0], [0, 1], [1, 1]] * 2
    assert [row[3] for row in found] == [2, 5, 2, 5, 1, 4, 1, 4]


def test_number_of_candidates_and_their_cells_do_not_depend_on_values(generator):
    boxes = 20 * torch.rand(7, 4, generator=generator) - 5
    found = match_anchors(boxes, torch.ones(3, 2), (6, 5))
    assert all(len(part) == 5 * 3 * 7 for part in found)
    assert found.rows.min() >= 0 and found.rows.max() <= 5 and found.columns.min() >= 0 and found.columns.max() <= 4


def test_nobody():
    found = match_anchors(torch.zeros(0, 4), torch.ones(3, 2), (6, 5))
    assert all(len(part) == 0 for part in found)
    assert last_match(found.rows, found.valid, 4).tolist() == [-1] * 4


def test_last_valid_match_owns_a_cell():
    cells = torch.tensor([2, 0, 2, 2, 1])
    valid = torch.tensor([True, False, True, False, True])
    assert last_match(cells, valid, 4).tolist() == [-1, 4, 2, -1]
