"""The widths that every source of covariances takes."""

import math

import pytest
import torch

from hybridkp.codecs import CovarianceSource, FixedCovariance, IsotropicHeatmap


def test_contract_is_abstract():
    with pytest.raises(TypeError, match='abstract'):
        CovarianceSource(sigma=1)


@pytest.mark.parametrize('side, sigma', [(128, 0.75), (256, 1.5), (512, 3.0)])
def test_relative_width_grows_with_the_input(side, sigma):
    source = FixedCovariance(relative_sigma=0.00586)
    assert source.variance((side, side)).sqrt().item() == pytest.approx(sigma, rel=1e-3)


def test_relative_width_of_an_input_that_is_no_square():
    assert FixedCovariance(relative_sigma=0.1).variance((400, 100)).item() == pytest.approx((0.1 * 200) ** 2)


def test_width_in_pixels_does_not_depend_on_the_input():
    source = FixedCovariance(sigma=3)
    assert source.variance((128, 128)).item() == source.variance((512, 100)).item() == 9


@pytest.mark.parametrize('stride,sides', [(1, {128: 0.75, 256: 1.5, 512: 3}), (4, {128: 3, 256: 3, 512: 3, 1024: 6})])
def test_rule_of_the_landmark_literature(mmpose_scope, stride, sides):
    codec = IsotropicHeatmap(relative_sigma=0.00586, stride=stride)
    for side, sigma in sides.items():
        assert codec.covariance.variance((side, side)).sqrt().item() == pytest.approx(sigma, rel=1e-3)


def test_only_a_relative_width_is_held_above_a_cell():
    assert FixedCovariance(sigma=1, cell=4).variance((9, 9)).tolist() == [1]
    assert FixedCovariance(relative_sigma=[0.1, 0.9], cell=4).variance((10, 10)).tolist() == pytest.approx([9, 81])


def test_one_width_or_one_each():
    assert FixedCovariance(sigma=[1, 2, 3], num_keypoints=3).variance((9, 9)).tolist() == [1, 4, 9]
    assert FixedCovariance(sigma=2, num_keypoints=3).variance((9, 9)).tolist() == [4]
    assert FixedCovariance(relative_sigma=[0.1, 0.2]).variance((10, 10)).tolist() == pytest.approx([1, 4])
    with pytest.raises(ValueError, match='2 standard deviations for 3 keypoints'):
        FixedCovariance(sigma=[1, 2], num_keypoints=3)


@pytest.mark.parametrize('wrong', [dict(), dict(sigma=1, relative_sigma=1)])
def test_exactly_one_kind_of_width(wrong):
    with pytest.raises(ValueError, match=r'FixedCovariance takes either sigma \(px\) or relative_sigma'):
        FixedCovariance(**wrong)


@pytest.mark.parametrize('width', [0, -1, math.inf, math.nan, [1, 0]])
@pytest.mark.parametrize('key', ['sigma', 'relative_sigma'])
def test_widths_are_positive_and_finite(key, width):
    with pytest.raises(ValueError, match='must be positive and finite'):
        FixedCovariance(**{key: width})


def test_given_widths_are_no_state_but_move_with_the_module():
    source = FixedCovariance(sigma=3)
    assert not source.state_dict() and not list(source.parameters()) and source.penalty() is None
    assert source.to('meta').variance((4, 4)).device == torch.device('meta')
