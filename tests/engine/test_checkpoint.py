import os

import pytest
import torch
from torch import nn

from hybridkp.engine.checkpoint import check_checkpoint, check_part, latest_checkpoint
from hybridkp.errors import InputError
from hybridkp.models.calibrations.covariance_map import CovarianceMap


@pytest.fixture
def model():
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


@pytest.fixture
def saved(tmp_path):
    def save(content, name='a.pth'):
        torch.save(content, tmp_path / name)
        return str(tmp_path / name)

    return save


def test_latest_is_the_newest_of_the_regular_ones(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    assert latest_checkpoint(tmp_path / 'not_there') is None
    others = [
        'best_EPE_epoch_9.pth',
        '.epoch_9.pth.7.tmp',
        'epoch_9.pth.tmp',
        'epoch_x.pth',
        'my_epoch_9.pth',
        'epoch_9.py',
    ]
    for age, name in enumerate([*others, 'epoch_2.pth', 'epoch_10.pth', 'iter_30.pth']):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    for name in others:
        os.utime(tmp_path / name, (5000, 5000))
    assert latest_checkpoint(tmp_path) == str(tmp_path / 'iter_30.pth')
    (tmp_path / 'iter_30.pth').unlink()
    assert latest_checkpoint(str(tmp_path)) == str(tmp_path / 'epoch_10.pth')
    os.utime(tmp_path / 'epoch_2.pth', (2000, 2000))  # trained anew in the same folder
    assert latest_checkpoint(tmp_path) == str(tmp_path / 'epoch_2.pth')


def test_what_fits_passes(saved, model):
    state = model.state_dict()
    check_checkpoint(saved(state), model)
    check_checkpoint(saved(dict(state_dict=state, meta=dict(epoch=1))), model)
    check_checkpoint(saved({f'module.{key}': value for key, value in state.items()}), model)
    check_checkpoint(saved(state | {'data_preprocessor.mean': torch.zeros(3)}), model)
    check_checkpoint('https://example.org/a.pth', model)


def test_distributed_model_takes_the_same_files(saved, model):
    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = model

    check_checkpoint(saved(model.state_dict()), Wrapper())
    check_checkpoint(saved(Wrapper().state_dict()), Wrapper())


def test_missing_file(model, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'checkpoint .*/a\.pth does not exist'):
        check_checkpoint(str(tmp_path / 'a.pth'), model)
    with pytest.raises(FileNotFoundError, match='does not exist'):
        check_checkpoint(str(tmp_path), model)


@pytest.mark.parametrize('keep', [0, 1, 100, 2000, -1])
def test_file_cut_short(keep, saved, model, tmp_path):
    path = saved(model.state_dict())
    content = (tmp_path / 'a.pth').read_bytes()
    (tmp_path / 'a.pth').write_bytes(content[:keep])
    with pytest.raises(InputError, match=r'checkpoint .*/a\.pth is damaged or no checkpoint: ') as error:
        check_checkpoint(path, model)
    assert '\n' not in str(error.value)


def test_large_file_cut_short(saved, tmp_path):
    model = nn.Linear(200, 200)
    path = saved(model.state_dict())
    content = (tmp_path / 'a.pth').read_bytes()
    for keep in (9999, len(content) // 2, len(content) - 1):
        (tmp_path / 'a.pth').write_bytes(content[:keep])
        with pytest.raises(InputError, match='damaged or no checkpoint'):
            check_checkpoint(path, model)


@pytest.mark.parametrize('content', [b'a text\n', b'{"a": 1}', b'\x80\x02}q\x00.', b'PK\x03\x04 no archive'])
def test_file_of_another_kind(content, model, tmp_path):
    (tmp_path / 'a.pth').write_bytes(content)
    with pytest.raises(InputError, match=r'checkpoint .*/a\.pth (is damaged or no checkpoint|holds no parameters)'):
        check_checkpoint(str(tmp_path / 'a.pth'), model)


@pytest.mark.parametrize('content', [[1, 2], dict(meta=1), dict(state_dict=[1]), torch.zeros(3), {}])
def test_file_without_parameters(content, saved, model):
    with pytest.raises(InputError, match='holds no parameters'):
        check_checkpoint(saved(content), model)


def test_another_model_is_described(saved, model):
    state = model.state_dict()
    state['0.weight'] = torch.zeros(5, 3, 1, 1)
    del state['1.bias']
    state['2.weight'] = torch.zeros(1)
    with pytest.raises(InputError) as error:
        check_checkpoint(saved(state), model)
    assert str(error.value).endswith(
        'a.pth is of another model: 0.weight has shape (5, 3, 1, 1), expected (4, 3, 1, 1); '
        '1.bias is missing; 2.weight is unknown'
    )


def test_only_three_differences_are_listed(saved, model):
    with pytest.raises(InputError, match='0.weight is missing; 0.bias is missing; 1.weight is missing; and 5 more$'):
        check_checkpoint(saved(dict(a=torch.zeros(1))), model)


def test_calibration_is_there_or_not_but_whole(saved, model):
    class Head(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.final_layer, self.calibration = model, CovarianceMap(2)

    head = Head()
    state = head.state_dict()
    without = {key: value for key, value in state.items() if 'calibration' not in key}
    for content in (state, without, {f'module.{key}': value for key, value in without.items()}):
        check_checkpoint(saved(content), head)
    with pytest.raises(
        InputError, match='calibration.exponent is missing; .*offset is missing; .*conformal is missing$'
    ):
        check_checkpoint(saved(without | {'calibration.log_scale': torch.zeros(2)}), head)
    with pytest.raises(InputError, match=r'calibration.log_scale has shape \(3,\), expected \(2,\)$'):
        check_checkpoint(saved(state | {'calibration.log_scale': torch.zeros(3)}), head)
    with pytest.raises(
        InputError, match='calibration.log_scale is unknown; calibration.exponent is unknown; .*and 1 more$'
    ):
        check_checkpoint(saved({key.removeprefix('final_layer.'): value for key, value in state.items()}), model)
    alone = {key: value for key, value in state.items() if 'calibration' in key}
    with pytest.raises(InputError, match='none of its parameters fits'):
        check_checkpoint(saved(alone), head, partial=True)


def test_a_part_will_do_for_fine_tuning(saved, model):
    part = {'0.bias': torch.zeros(4), '0.weight': torch.zeros(9)}
    check_checkpoint(saved(part), model, partial=True)
    with pytest.raises(InputError, match='none of its parameters fits'):
        check_checkpoint(saved({'0.weight': torch.zeros(9), 'a': torch.zeros(4)}), model, partial=True)


def test_a_part_has_to_be_there_as_a_whole(saved, model):
    state = {f'backbone.{key}': value for key, value in model.state_dict().items()} | {'head.weight': torch.zeros(7)}
    assert check_part(saved(dict(state_dict=state)), model, 'backbone.') == []
    assert check_part(saved(state | {'backbone.2.bias': torch.zeros(1)}), model, 'backbone.') == ['2.bias']
    del state['backbone.1.num_batches_tracked']
    assert check_part(saved(state), model, 'backbone.') == []
    assert check_part(saved(model.state_dict()), model) == check_part('https://example.org/a.pth', model) == []
    state['backbone.0.weight'] = torch.zeros(5, 3, 1, 1)
    del state['backbone.1.bias']
    said = r'a\.pth does not fit the Sequential: 0\.weight has shape \(5, 3, 1, 1\), expected .*; 1\.bias is missing$'
    with pytest.raises(InputError, match=said):
        check_part(saved(state), model, 'backbone.')


def test_no_part_at_all(saved, model, tmp_path):
    with pytest.raises(InputError, match=r"a\.pth has no parameters whose names begin with 'backbone\.'$"):
        check_part(saved(model.state_dict()), model, 'backbone.')
    with pytest.raises(InputError, match='holds no parameters'):
        check_part(saved({}), model, 'backbone.')
    with pytest.raises(FileNotFoundError, match='does not exist'):
        check_part(str(tmp_path / 'none.pth'), model, 'backbone.')
