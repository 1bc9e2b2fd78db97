"""Suppression of boxes: against the plain loop, whatever the blocks, and by hand."""

import pytest
import torch

from hybridkp.ops import suppression
from hybridkp.ops.boxes import overlaps, to_corners
from hybridkp.ops.suppression import suppress


def plain(boxes, labels, valid, threshold, limit):
    """The loop over boxes that it stands for, of one image."""
    keep = []
    for i in range(len(boxes)):
        others = [j for j in keep if labels[j] == labels[i]]
        if valid[i] and len(keep) < limit and not (overlaps(boxes[i : i + 1], boxes[others]) > threshold).any():
            keep.append(i)
    return [i in keep for i in range(len(boxes))]


def crowd(generator, images=3, count=120, classes=2):
    """Boxes that overlap a lot."""
    sides = torch.tensor([30.0, 30, 8, 8])
    boxes = to_corners(torch.rand(images, count, 4, generator=generator) * sides + torch.tensor([0, 0, 8.0, 8.0]))
    labels = torch.randint(classes, (images, count), generator=generator)
    return boxes, labels, torch.rand(images, count, generator=generator) > 0.1


@pytest.mark.parametrize('block', [7, 50, 512])
@pytest.mark.parametrize('threshold, limit', [(0.3, 300), (0.65, 300), (0.65, 9)])
def test_equals_the_loop(block, threshold, limit, generator, monkeypatch):
    monkeypatch.setattr(suppression, 'BLOCK', block)
    boxes, labels, valid = crowd(generator)
    kept = suppress(boxes, labels, valid, threshold, limit)
    for i in range(len(boxes)):
        assert kept[i].tolist() == plain(boxes[i], labels[i], valid[i], threshold, limit)


def test_chain_by_hand():
    # each overlaps its neighbours by 6/14: the second is taken out by the first, so that the third stays, and so on
    boxes = torch.tensor([[[10.0 * i * 0.4, 0, 10 * i * 0.4 + 10, 10] for i in range(7)]])
    nothing = torch.zeros(1, 7, dtype=torch.long)
    assert suppress(boxes, nothing, nothing == 0, 0.4, 9).tolist() == [[True, False] * 3 + [True]]
    assert suppress(boxes, nothing, nothing == 0, 6 / 14 + 1e-6, 9).all()
    assert suppress(boxes, torch.arange(7)[None], nothing == 0, 0.4, 9).all()  # of different classes
    assert suppress(boxes, nothing, nothing == 0, 0.4, 2).tolist() == [[True, False, True] + [False] * 4]


def test_equal_boxes_leave_the_first():
    boxes = torch.tensor([[0.0, 0, 5, 5]]).repeat(1, 600, 1)
    labels = torch.zeros(1, 600, dtype=torch.long)
    kept = suppress(boxes, labels, labels == 0, 0.5, 300)
    assert kept[0, 0] and kept.sum() == 1


@pytest.mark.parametrize('shape', [(0, 5), (2, 0), (1, 1)])
def test_nothing_to_suppress(shape):
    kept = suppress(torch.zeros(*shape, 4), torch.zeros(shape).long(), torch.ones(shape, dtype=torch.bool), 0.5, 300)
    assert kept.shape == shape and kept.all()


def test_nothing_valid(generator):
    boxes, labels, valid = crowd(generator)
    assert not suppress(boxes, labels, torch.zeros_like(valid), 0.5, 300).any()


def test_equals_torchvision(generator):
    boxes, labels, _ = crowd(generator, images=1, count=1000)
    try:
        from torchvision.ops import batched_nms

        kept = batched_nms(boxes[0], torch.linspace(1, 0, 1000), labels[0], 0.5)
    except (ImportError, RuntimeError, NotImplementedError):
        pytest.skip('the installed torchvision has no compiled operators for this torch')
    ours = suppress(boxes, labels, torch.ones(1, 1000, dtype=torch.bool), 0.5, 1000)
    assert ours[0].nonzero()[:, 0].tolist() == sorted(kept.tolist())
