"""Boxes: by hand, by symmetry, and against simple code for one pair."""

import math

import pytest
import torch

from hybridkp.ops.boxes import complete_iou, overlaps, to_centres, to_corners


def random_boxes(generator, *shape):
    """Boxes as centre and sides, none of them degenerate."""
    return torch.rand(*shape, 4, generator=generator, dtype=torch.float64) * 10 + torch.tensor([0, 0, 1, 1])


def test_both_forms_by_hand_and_back(generator):
    boxes = torch.tensor([[10.0, 20.0, 4.0, 6.0]])
    assert to_corners(boxes).tolist() == [[8, 17, 12, 23]]
    boxes = random_boxes(generator, 3, 5)
    torch.testing.assert_close(to_centres(to_corners(boxes)), boxes)


def test_overlaps_by_hand():
    first = torch.tensor([[0.0, 0, 4, 4], [0, 0, 0, 0]])
    second = torch.tensor([[0.0, 0, 4, 4], [2, 0, 6, 4], [4, 4, 8, 8], [1, 1, 3, 3], [0, 0, 0, 0]])
    torch.testing.assert_close(overlaps(first, second)[0], torch.tensor([1, 8 / 24, 0, 4 / 16, 0]))
    assert not overlaps(first, second)[1].any()  # nor NaN of two boxes without an area


def test_overlaps_of_pairs_and_batches(generator):
    first, second = (to_corners(random_boxes(generator, 2, count)) for count in (3, 4))
    found = overlaps(first, second)
    assert found.shape == (2, 3, 4)
    torch.testing.assert_close(found, overlaps(second, first).transpose(1, 2))
    torch.testing.assert_close(found[1], overlaps(first[1], second[1]))


def test_complete_iou_by_hand():
    same = torch.tensor([5.0, 5, 4, 2])
    torch.testing.assert_close(complete_iou(same, same), torch.tensor(1.0))
    # side by side, like aspect: IoU 0, centres 4 apart, enclosed by 8 x 2
    aside = complete_iou(same, torch.tensor([9.0, 5, 4, 2]))
    torch.testing.assert_close(aside, torch.tensor(-16 / (64 + 4)))
    # one inside the other, upright and lying: IoU 4 / 12, enclosed by 4 x 4, and the term of aspects
    upright, lying = torch.tensor([0.0, 0, 2, 4]), torch.tensor([0.0, 0, 4, 2])
    v = 4 / math.pi**2 * (math.atan(2) - math.atan(0.5)) ** 2
    iou = 4 / 12
    torch.testing.assert_close(complete_iou(upright, lying), torch.tensor(iou - v * v / (1 - iou + v)))


def test_complete_iou_draws_boxes_together(generator):
    target = random_boxes(generator, 8)
    boxes = random_boxes(generator, 8).requires_grad_()
    optimizer = torch.optim.Adam([boxes], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        (1 - complete_iou(boxes, target)).sum().backward()
        optimizer.step()
    assert complete_iou(boxes, target).min() > 0.8


def test_gradients(generator):
    target = random_boxes(generator, 4)
    boxes = (target + 0.5).requires_grad_()
    # the weight of the aspects' term has no gradient: boxes of like aspect are unaffected
    boxes = torch.cat((boxes[:, :2], target[:, 2:] * 1.1), dim=1).detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: complete_iou(x, target), boxes, atol=1e-4)


@pytest.mark.parametrize('count', [0, 1])
def test_nothing_is_something_too(count):
    assert complete_iou(torch.ones(count, 4), torch.ones(count, 4)).shape == (count,)
    assert overlaps(torch.ones(count, 4), torch.ones(0, 4)).shape == (count, 0)
