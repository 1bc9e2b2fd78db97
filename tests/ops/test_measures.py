"""Measures: numbers on paper, standard deviations against sampling, what turning and mirroring do."""

import math

import pytest
import torch
from torch.testing import assert_close

from hybridkp.ops import measures
from hybridkp.ops.covariance import transform
from hybridkp.ops.measures import KINDS, angle, compose, distance, is_angle, landmarks, line_angle, propagate
from hybridkp.ops.measures import point_to_line as to_line

STEINER = dict(SNA=('angle', 'S', 'N', 'A'), SNB=('angle', 'S', 'N', 'B'), ANB=('difference', 'SNA', 'SNB'))
HEAD = [[332.8, 397.4], [588.0, 412.8], [547.2, 657.0], [545.6, 822.4]]


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def points(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def covariances(generator, *shape, scale=1.0):
    factors = torch.randn(*shape, 2, 2, generator=generator, dtype=torch.float64)
    return scale * (factors @ factors.mT + 0.1 * torch.eye(2))


def number(value):
    return torch.tensor(value, dtype=torch.float64)


def test_values_on_paper():
    assert_close(angle(points([0, 5], [0, 0], [3, 0])), number(90.0))
    assert_close(angle(points([1, 0], [0, 0], [-1, math.sqrt(3)])), number(120.0))
    assert_close(angle(points([1, 0], [0, 0], [2, 0])), number(0.0))
    assert_close(angle(points([1, 0], [0, 0], [-2, 0])), number(180.0))
    assert_close(distance(points([1, 1], [4, 5])), number(5.0))
    assert_close(line_angle(points([0, 0], [2, 0], [7, 7], [8, 8])), number(45.0))
    assert_close(line_angle(points([0, 0], [2, 0], [8, 8], [7, 7])), number(135.0))


def test_the_right_of_a_line_is_positive():
    # from (0, 0) to (4, 3) the line falls to the right in the picture; below it, (0, 5) is 5 * 4 / 5 away
    assert_close(to_line(points([0, 5], [0, 0], [4, 3])), number(4.0))
    assert_close(to_line(points([0, 5], [4, 3], [0, 0])), number(-4.0))
    assert_close(to_line(points([0, 5], [0, 0], [4, 3]) * points([-1, 1])), number(-4.0))


def test_deviations_on_paper():
    isotropic = torch.eye(2, dtype=torch.float64)
    # the ends of arms of 10 and 20 turn by 1/10 and 1/20, the middle by what both make together
    value, deviation = propagate(angle, points([10, 0], [0, 0], [0, 20]), isotropic.repeat(3, 1, 1))
    assert_close(value, number(90.0))
    assert_close(deviation, number(math.degrees(math.sqrt(2 * (0.1**2 + 0.05**2)))))
    # along (3, 4) / 5 variances (25, 50) are 9 + 32, at both ends
    spread = torch.diag(points(25.0, 50.0)).repeat(2, 1, 1)
    value, deviation = propagate(distance, points([0, 0], [3, 4]), spread)
    assert_close(value, number(5.0))
    assert_close(deviation, number(math.sqrt(2 * 41)))
    # above the line's middle both ends count half
    wide = torch.diag(points(100.0, 1.0)).repeat(3, 1, 1)
    value, deviation = propagate(to_line, points([5, 0], [0, 0], [10, 0]), wide)
    assert_close(value, number(0.0))
    assert_close(deviation, number(math.sqrt(1 + 2 / 4)))


def test_a_straight_angle_has_a_deviation():
    value, deviation = propagate(angle, points([-10, 0], [0, 0], [10, 0]), torch.eye(2).double().repeat(3, 1, 1))
    assert_close(value, number(180.0))
    assert_close(deviation, number(math.degrees(math.sqrt(0.01 + 0.01 + 0.04))))


@pytest.mark.parametrize('name', STEINER)
def test_deviations_are_those_of_samples(name, generator):
    """SNA, SNB and ANB, of which the latter share two landmarks, against 200000 draws of all landmarks."""
    measure = compose(name, STEINER, 'SNAB')
    head, spread = points(*HEAD), covariances(generator, 4)
    noise = torch.randn(200000, 4, 2, 1, generator=generator, dtype=torch.float64)
    drawn = measure(head + (torch.linalg.cholesky(spread) @ noise).squeeze(-1))
    value, deviation = propagate(measure, head, spread)
    assert_close(drawn.mean(), value, rtol=0, atol=0.01)
    assert_close(drawn.std(), deviation, rtol=0.01, atol=0)


def test_what_two_measures_share_is_not_counted_twice(generator):
    spread = covariances(generator, 4)
    deviations = {name: propagate(compose(name, STEINER, 'SNAB'), points(*HEAD), spread)[1] for name in STEINER}
    apart = torch.hypot(deviations['SNA'], deviations['SNB'])
    assert deviations['ANB'] < 0.9 * apart
    spread[:2] = 0  # what is shared is certain: then they are independent
    deviations = {name: propagate(compose(name, STEINER, 'SNAB'), points(*HEAD), spread)[1] for name in STEINER}
    assert_close(deviations['ANB'], torch.hypot(deviations['SNA'], deviations['SNB']))


@pytest.mark.parametrize('kind', KINDS)
def test_turning_and_shifting_change_nothing(kind, generator):
    measure, count, _ = KINDS[kind]
    before = torch.randn(5, count, 2, generator=generator, dtype=torch.float64)
    spread = covariances(generator, 5, count)
    turn = points([math.cos(1), -math.sin(1)], [math.sin(1), math.cos(1)])
    after = before @ turn.T + points(30.0, -7.0)
    value, deviation = propagate(measure, after, transform(spread, turn))
    expected = propagate(measure, before, spread)
    assert_close(value, expected[0])
    assert_close(deviation, expected[1])


@pytest.mark.parametrize('kind', KINDS)
def test_mirroring_changes_the_sign_of_what_has_a_side_alone(kind, generator):
    measure, count, _ = KINDS[kind]
    before = torch.randn(5, count, 2, generator=generator, dtype=torch.float64)
    sign = -1 if kind == 'point_to_line' else 1
    assert_close(measure(before * points(-1.0, 1.0)), sign * measure(before))


@pytest.mark.parametrize('kind', KINDS)
def test_scale(kind, generator):
    measure, count, is_in_degrees = KINDS[kind]
    before, spread = torch.randn(count, 2, generator=generator).double(), covariances(generator, count)
    value, deviation = propagate(measure, 3 * before, 9 * spread)
    expected = propagate(measure, before, spread)
    factor = 1 if is_in_degrees else 3
    assert_close(value, factor * expected[0])
    assert_close(deviation, factor * expected[1])


@pytest.mark.parametrize('kind', KINDS)
def test_gradients(kind, generator):
    measure, count, _ = KINDS[kind]
    before = torch.randn(2, count, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    spread = covariances(generator, 2, count).requires_grad_()
    assert torch.autograd.gradcheck(measure, before)
    assert torch.autograd.gradcheck(lambda *given: propagate(measure, *given), (before, spread))


@pytest.mark.parametrize('kind', KINDS)
def test_coincident_points_are_not_defined_and_spoil_no_others(kind, generator):
    measure, count, _ = KINDS[kind]
    before = torch.randn(3, count, 2, generator=generator, dtype=torch.float64)
    spread = covariances(generator, 3, count)
    expected = propagate(measure, before[[0, 2]], spread[[0, 2]])
    before[1] = 1
    value, deviation = propagate(measure, before, spread)
    assert deviation.isnan().tolist() == [False, True, False]
    assert value[1] == 0 if kind == 'distance' else value[1].isnan()
    assert_close(value[[0, 2]], expected[0])
    assert_close(deviation[[0, 2]], expected[1])


def test_one_arm_without_a_length_is_not_defined():
    value, deviation = propagate(angle, points([0, 0], [0, 0], [1, 1]), torch.eye(2).double().repeat(3, 1, 1))
    assert value.isnan() and deviation.isnan()
    measure = compose('ANB', STEINER, 'SNAB')
    value, deviation = propagate(measure, points([0, 0], [1, 0], [1, 0], [1, 1]), torch.eye(2).double().repeat(4, 1, 1))
    assert value.isnan() and deviation.isnan()


def test_batches(generator):
    before, spread = torch.randn(2, 3, 4, 2, generator=generator), covariances(generator, 2, 3, 4).float()
    value, deviation = propagate(line_angle, before, spread)
    assert value.shape == deviation.shape == (2, 3) and value.dtype == torch.float32
    one = propagate(line_angle, before[1, 2], spread[1, 2])
    assert_close((value[1, 2], deviation[1, 2]), one)
    assert propagate(line_angle, before[:0], spread[:0])[1].shape == (0, 3)


def test_measures_by_name():
    assert landmarks('SNA', STEINER) == ('S', 'N', 'A') and landmarks('ANB', STEINER) == ('S', 'N', 'A', 'B')
    definitions = STEINER | dict(SN=('distance', 'S', 'N'), twice=('difference', 'ANB', 'SNA'))
    assert [is_angle(name, definitions) for name in definitions] == [True, True, True, False, True]
    head = points(*HEAD)
    values = {name: compose(name, definitions, 'SNAB')(head) for name in definitions}
    assert_close(values['SNA'], measures.angle(head[:3]))
    assert_close(values['ANB'], values['SNA'] - values['SNB'])
    assert_close(values['twice'], -values['SNB'])
    assert_close(compose('SN', definitions, 'NS')(head[[1, 0]]), values['SN'])
