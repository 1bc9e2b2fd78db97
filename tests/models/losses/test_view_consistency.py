"""The consistency of two views on paper, and where its gradient leads."""

import pytest
import torch

from hybridkp.models.losses.view_consistency import ViewConsistency


def peaks(*cells, size=16):
    maps = torch.zeros(1, 1, size, size)
    for y, x in cells:
        maps[0, 0, y, x] = 1
    return maps


def test_on_paper():
    # in each of the 9 patches one peak of 1, at the same cell: similarity 1, peak minus mean 1 - 1/16
    maps = peaks(*((y, x) for y in (1, 3, 5) for x in (1, 3, 5)), size=8)
    shown = torch.ones_like(maps)
    loss = ViewConsistency(patch=4, peakiness=0.0)
    assert loss(maps, maps, shown).item() == pytest.approx(0, abs=1e-4)
    moved = maps.roll(1, 3)
    assert loss(maps, moved, shown).item() == pytest.approx(1, abs=1e-4)
    one = peaks((1, 1), size=4)
    assert ViewConsistency(patch=4, peakiness=0.5)(one, one, torch.ones_like(one)).item() == pytest.approx(
        0.5 / 16, abs=1e-4
    )
    flat = torch.full_like(one, 0.3)
    assert ViewConsistency(patch=4, peakiness=0.5)(flat, flat, torch.ones_like(one)).item() == pytest.approx(
        0.5, abs=1e-4
    )


def test_scale_does_not_matter_to_the_similarity(generator):
    maps = torch.rand(2, 1, 16, 16, generator=generator)
    found = ViewConsistency(peakiness=0.0)(maps, 0.2 * maps, torch.ones_like(maps))
    assert found.item() == pytest.approx(0, abs=1e-3)


def test_patches_that_are_not_shown_do_not_count(generator):
    maps, others = torch.rand(2, 2, 1, 16, 16, generator=generator)
    shown = torch.ones_like(maps)
    shown[..., 8:] = 0
    others[..., 8:] = 5
    loss = ViewConsistency(patch=4)
    torch.testing.assert_close(loss(maps, others, shown), loss(maps[..., :8], others[..., :8], shown[..., :8]))
    assert loss(maps, others, torch.zeros_like(shown)) == 0


def test_empty_maps_have_a_finite_gradient():
    maps = torch.zeros(1, 1, 16, 16, requires_grad=True)
    ViewConsistency()(maps, maps.detach(), torch.ones(1, 1, 16, 16)).backward()
    assert maps.grad.isfinite().all()


def test_maps_come_together(generator):
    logits = torch.randn(2, 1, 1, 16, 16, generator=generator).requires_grad_()
    loss, optimizer = ViewConsistency(), torch.optim.Adam([logits], lr=0.2)
    before = loss(*logits.sigmoid(), torch.ones(1, 1, 16, 16)).item()
    for _ in range(50):
        optimizer.zero_grad()
        loss(*logits.sigmoid(), torch.ones(1, 1, 16, 16)).backward()
        optimizer.step()
    maps = logits.detach().sigmoid()
    assert loss(*maps, torch.ones(1, 1, 16, 16)).item() < 0.5 * before
    assert (maps[0] - maps[1]).abs().mean() < 0.05 and maps.amax() > 0.9


@pytest.mark.parametrize('settings', [dict(patch=1), dict(peakiness=-1), dict(loss_weight=-0.1)])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match='ViewConsistency: expected'):
        ViewConsistency(**settings)
