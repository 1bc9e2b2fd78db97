"""The map in a model: the identity until there is another, which state dicts carry."""

import copy

import pytest
import torch

from hybridkp.models.calibrations.covariance_map import CovarianceMap
from hybridkp.ops.calibration import Calibration, calibrate

K = 3


@pytest.fixture
def fitted(generator):
    factor = torch.randn(K, 2, 2, generator=generator, dtype=torch.double)
    exponent, conformal = torch.tensor(1.3).double(), torch.tensor(1.1).double()
    return Calibration(torch.randn(K, generator=generator).double(), exponent, factor @ factor.mT, conformal)


@pytest.fixture
def covariances(generator):
    factor = torch.randn(2, K, 2, 2, generator=generator)
    return factor @ factor.mT + 0.1 * torch.eye(2)


def test_identity_at_first(covariances):
    module = CovarianceMap(K)
    assert module(covariances) is covariances and not module.calibrated
    assert not list(module.parameters()) and set(module.state_dict()) == set(Calibration._fields)
    torch.testing.assert_close(calibrate(covariances, module.value()), covariances)


def test_state_dict_carries_the_map(covariances, fitted):
    module, other = CovarianceMap(K), torch.nn.ModuleDict(dict(calibration=CovarianceMap(K)))
    module.assign(fitted)
    wanted = calibrate(covariances, fitted)
    torch.testing.assert_close(module(covariances), wanted)
    other.load_state_dict({f'calibration.{name}': value for name, value in module.state_dict().items()})
    assert torch.equal(other['calibration'](covariances), module(covariances))
    assert torch.equal(copy.deepcopy(other)['calibration'](covariances), module(covariances))


def test_one_changed_buffer_is_enough(covariances, fitted):
    for name in Calibration._fields:
        module = CovarianceMap(K)
        module.load_state_dict(module.state_dict() | {name: getattr(fitted, name)})
        assert module.calibrated and not torch.equal(module(covariances), covariances)
        module.assign(Calibration.identity(K))
        assert module(covariances) is covariances


def test_state_dict_without_a_map_is_no_mistake_and_takes_it_away(covariances, fitted):
    model = torch.nn.ModuleDict(dict(layer=torch.nn.Linear(1, 1), calibration=CovarianceMap(K)))
    model['calibration'].assign(fitted)
    weights = {name: value for name, value in model.state_dict().items() if name.startswith('layer')}
    assert model.load_state_dict(weights, strict=True).missing_keys == []
    assert model['calibration'](covariances) is covariances


def test_part_of_a_map_is_a_mistake(covariances, fitted):
    module = CovarianceMap(K)
    with pytest.raises(RuntimeError, match='Missing key.*"offset"'):
        module.load_state_dict(dict(exponent=fitted.exponent))
    assert module(covariances) is covariances
    with pytest.raises(RuntimeError, match='size mismatch for log_scale'):
        module.load_state_dict(fitted._asdict() | dict(log_scale=torch.zeros(K + 1)))
    assert module(covariances) is covariances and torch.equal(module.exponent, torch.ones(()))
    with pytest.raises(ValueError, match=r'log_scale has shape \(4,\), expected \(3,\)'):
        module.assign(Calibration.identity(K + 1))


@pytest.mark.filterwarnings('ignore:.*copying from a non-meta parameter')
def test_type_and_device_are_those_of_the_covariances(covariances, fitted):
    module = CovarianceMap(K)
    module.assign(fitted)
    mapped = module.double()(covariances)
    assert mapped.dtype == torch.float32
    torch.testing.assert_close(mapped, calibrate(covariances, fitted))
    with torch.device('meta'):
        meta = CovarianceMap(K)
    meta.load_state_dict(module.state_dict())
    assert meta.log_scale.is_meta and not meta.calibrated


def test_nothing_is_asked_of_the_device(fitted):
    """On the device 'meta' there are no values: whatever asks for one raises."""
    module = CovarianceMap(K)
    module.assign(fitted)
    for part in (module.to('meta'), CovarianceMap(K).to('meta')):
        assert part(torch.empty(2, K, 2, 2, device='meta')).shape == (2, K, 2, 2)
