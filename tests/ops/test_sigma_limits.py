"""Limits of covariances: by hand, and for whatever is not negative."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridkp.ops.covariance import from_sigmas, to_sigmas
from hybridkp.ops.sigma_limits import limit_sigmas

sigmas = st.floats(0, 1000, width=32)


def covariance(sigma1, sigma2, angle):
    return from_sigmas(*torch.tensor([sigma1, sigma2, angle], dtype=torch.float64))


def test_by_hand():
    given_axes = torch.diag_embed(torch.tensor([[9.0, 1.0], [9.0, 16.0], [1.0, 2.0], [5.0, 5.0], [0.0, 0.0]]))
    wanted = torch.diag_embed(torch.tensor([[9.0, 4.0], [9.0, 16.0], [4.0, 4.0], [5.0, 5.0], [4.0, 4.0]]))
    torch.testing.assert_close(limit_sigmas(given_axes, 2), wanted)


def test_the_axes_keep_their_directions():
    limited = limit_sigmas(covariance(5, 1, 0.7), 2)
    torch.testing.assert_close(limited, covariance(5, 2, 0.7))


def test_a_line_becomes_an_ellipse_of_the_greatest_ratio():
    torch.testing.assert_close(limit_sigmas(covariance(6, 0, -0.4), 0, max_ratio=3), covariance(6, 2, -0.4))


def test_what_is_wide_enough_stays_as_it_is(generator):
    wide = from_sigmas(*(3 + 5 * torch.rand(3, 20, generator=generator, dtype=torch.float64)))
    torch.testing.assert_close(limit_sigmas(wide, 2), wide)


@settings(max_examples=100, deadline=None)
@given(sigmas, sigmas, st.floats(-2, 2), st.floats(0.001, 100))
def test_always_positive_definite_in_float32(sigma1, sigma2, angle, narrowest):
    limited = limit_sigmas(covariance(sigma1, sigma2, angle).float(), narrowest)
    assert torch.equal(limited, limited.mT)
    assert (torch.linalg.eigvalsh(limited.double()) >= narrowest**2 * (1 - 1e-2)).all()
    assert torch.linalg.cholesky_ex(limited).info == 0
    long, short, _ = to_sigmas(limited.double())
    assert long / short < 101 and long.item() == pytest.approx(max(sigma1, sigma2, narrowest), rel=1e-3)


def test_commutes_with_rotation():
    for turn in (0.3, math.pi / 2, 2.0):
        limited = limit_sigmas(covariance(5, 1, 0.7 + turn), 2)
        torch.testing.assert_close(limited, covariance(5, 2, 0.7 + turn))
