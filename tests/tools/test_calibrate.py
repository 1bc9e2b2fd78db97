"""Calibrating a checkpoint: what is written, what it changes in a test, and what is refused."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from hybridkp.converters.splits import part_coco
from hybridkp.ops.calibration import Calibration, calibrate

MOUSE = Path(__file__).parents[1] / 'data/mirror_mouse'
BUFFERS = [f'head.calibration.{name}' for name in Calibration._fields]


def load(path):
    return torch.load(path, map_location='cpu', weights_only=False)


def change_val(folder, config, name, more=''):
    """Write a config like another one, whose validation set is `name` and whose test set is the bundled one."""
    path = folder / 'changed.py'
    loaders = f'val_dataloader = dict(dataset=dict(ann_file={str(name)!r}))\n'
    loaders += f'test_dataloader = dict(dataset=dict(ann_file={str(MOUSE / "test.json")!r}))\n'
    path.write_text(f'_base_ = {config!r}\n{loaders}test_evaluator = [dict(type="EPE")]\n{more}')
    return path


@pytest.fixture(scope='module')
def config(trained, tmp_path_factory):
    return change_val(tmp_path_factory.mktemp('calibrate'), trained.config, MOUSE / 'val.json')


@pytest.fixture(scope='module')
def calibrated(config, trained, call, tmp_path_factory):
    """The checkpoint with a map, and what was printed."""
    folder = tmp_path_factory.mktemp('calibrated')
    checkpoint = shutil.copy(trained.checkpoint, folder / 'last.pth')
    printed = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('builtins.print', lambda *values: printed.append(' '.join(map(str, values))))
        call('calibrate', config, checkpoint, '--work-dir', folder / 'work')
    return folder / 'last_calibrated.pth', '\n'.join(printed)


def predictions(call, config, checkpoint, folder, *more):
    call('test', config, checkpoint, '--work-dir', folder, '--out', folder / 'r.json', *more)
    entries = json.loads((folder / 'r.json').read_text())
    return [np.array([entry[name] for entry in entries]) for name in ('keypoints', 'keypoint_covariances')]


def test_copy_holds_the_map_and_what_testing_needs(calibrated, trained):
    content, before = load(calibrated[0]), load(trained.checkpoint)
    assert set(content) == {'state_dict', 'meta'} and 'optimizer' in before
    assert set(content['state_dict']) == set(before['state_dict']) >= set(BUFFERS)
    for name, value in before['state_dict'].items():
        assert torch.equal(content['state_dict'][name], value) or name in BUFFERS
    assert content['meta']['dataset_meta'].keys() == before['meta']['dataset_meta'].keys()
    about = content['meta']['calibration']
    assert about['kind'] in ('scale', 'affine', 'additive') and about['conformal'] is None
    assert about['images'] == 9 and 100 < about['landmarks'] <= 9 * 17
    assert about['ann_file'] == str(MOUSE / 'val.json')
    constant = np.array(about['constant'])
    assert constant.shape == (17, 3) and (constant[:, 0] * constant[:, 2] > constant[:, 1] ** 2).all()


def test_report_says_what_was_chosen_and_what_it_is_worth(calibrated):
    path, printed = calibrated
    about = load(path)['meta']['calibration']
    said = f"calibrating on 9 images of val_dataloader's {MOUSE / 'val.json'} with {about['landmarks']} labels"
    assert said in printed and f'written: {path}' in printed and 'warning' not in printed
    losses = {}
    for line in printed.split('\nmap ')[1].splitlines()[1:6]:
        name, loss, *note = line.split()
        losses[name] = float(loss)
        assert (note == ['taken']) == (name == about['kind'])
    assert losses[about['kind']] == min(loss for name, loss in losses.items() if name != 'constant')
    before, after = (line for line in printed.splitlines() if line.startswith(('before', 'after')))
    before, after = (np.array(re.findall(r'[\d.]+(?= %)', line), dtype=float) for line in (before, after))
    nominal = [50, 68, 90, 95]
    assert len(after) == 4 and np.abs(after - nominal).mean() < np.abs(before - nominal).mean()


def test_a_test_uses_the_map(calibrated, trained, config, call, tmp_path):
    points, plain = predictions(call, config, trained.checkpoint, tmp_path / 'plain')
    again, mapped = predictions(call, config, calibrated[0], tmp_path / 'mapped')
    np.testing.assert_array_equal(again, points)
    content = load(calibrated[0])
    fitted = Calibration(*(content['state_dict'][name].double() for name in BUFFERS))
    # back to input px, through the map, and to image px again
    content = json.loads((MOUSE / 'test.json').read_text())
    ((width, height),) = {(image['width'], image['height']) for image in content['images']}
    scale = (max(width, height) - 1) / 64
    wanted = calibrate(torch.from_numpy(plain[..., [0, 1, 1, 2]].reshape(-1, 17, 2, 2)) / scale**2, fitted) * scale**2
    assert mapped == pytest.approx(wanted.flatten(-2)[..., [0, 1, 3]].numpy(), rel=1e-3, abs=0.1)
    assert np.abs(mapped / plain - 1)[..., [0, 2]].min() > 1e-3


def test_mmpose_loads_the_map(calibrated, trained, config):
    from mmpose.apis import init_model

    mapped, plain = (init_model(str(config), str(path), device='cpu') for path in (calibrated[0], trained.checkpoint))
    assert mapped.head.calibration.calibrated and not plain.head.calibration.calibrated
    covariances = torch.eye(2).repeat(1, 17, 1, 1)
    assert plain.head.calibration(covariances) is covariances
    fitted = Calibration(*(load(calibrated[0])['state_dict'][name] for name in BUFFERS))
    torch.testing.assert_close(mapped.head.calibration(covariances), calibrate(covariances, fitted))


def test_kind_level_and_file_are_as_asked(config, trained, call, tmp_path, capsys):
    options = ('--kind', 'scale', '--conformal', 0.8, '--trim', '--out', tmp_path / 'mine/own.pth')
    call('calibrate', config, trained.checkpoint, '--work-dir', tmp_path / 'work', *options)
    content = load(tmp_path / 'mine/own.pth')
    about, state = content['meta']['calibration'], content['state_dict']
    assert about['kind'] == 'scale' and about['conformal'] == 0.8
    assert state['head.calibration.exponent'] == 1 and not state['head.calibration.offset'].any()
    assert state['head.calibration.conformal'] != 1 and 0.1 < state['head.calibration.conformal'] < 10
    assert 'conformal factor of the level 0.8' in capsys.readouterr().out
    assert [path.name for path in (tmp_path / 'mine').iterdir()] == ['own.pth']


def test_many_gross_errors_are_named_with_what_to_do(load_tool, capsys):
    tool = load_tool('calibrate')
    tool.print_gross(12, 274, trimmed=False)
    assert capsys.readouterr().out.startswith('12 of 274 errors are gross and make the ellipses wide: --trim ')
    tool.print_gross(5, 274, trimmed=False)  # a heavy tail
    assert not capsys.readouterr().out
    tool.print_gross(5, 274, trimmed=True)
    assert capsys.readouterr().out == 'fitted and chosen without gross errors, 5 of 274\n'


def test_a_map_is_fitted_anew_and_not_on_top(calibrated, config, call, tmp_path):
    call('calibrate', config, calibrated[0], '--work-dir', tmp_path, '--out', tmp_path / 'again.pth')
    ours, theirs = load(tmp_path / 'again.pth'), load(calibrated[0])
    assert ours['meta']['calibration'] == theirs['meta']['calibration']
    for name in BUFFERS:
        torch.testing.assert_close(ours['state_dict'][name], theirs['state_dict'][name])


def test_bare_state_dict_and_averaged_weights(config, trained, call, tmp_path):
    content = load(trained.checkpoint)
    state = {f'module.{name}': value for name, value in content['state_dict'].items() if 'calibration' not in name}
    torch.save(state, tmp_path / 'bare.pth')
    torch.save(dict(content, ema_state_dict=dict(state, steps=torch.zeros(()))), tmp_path / 'averaged.pth')
    for name in ('bare', 'averaged'):
        call('calibrate', config, tmp_path / f'{name}.pth', '--work-dir', tmp_path / 'work', '--kind', 'scale')
    bare, averaged = (load(tmp_path / f'{name}_calibrated.pth') for name in ('bare', 'averaged'))
    assert set(bare) == set(averaged) == {'state_dict', 'meta'} and set(bare['meta']) == {'calibration'}
    assert bare['state_dict'].keys() == averaged['state_dict'].keys() == content['state_dict'].keys()
    assert bare['meta']['calibration'] == averaged['meta']['calibration']


def test_a_map_of_all_members_is_that_of_their_ensemble(calibrated, trained, config, call, tmp_path):
    alone = predictions(call, config, calibrated[0], tmp_path / 'alone')
    call('test', config, *[calibrated[0]] * 2, '--work-dir', tmp_path / 'two', '--out', tmp_path / 'two.json')
    entries = json.loads((tmp_path / 'two.json').read_text())
    assert np.array([entry['keypoint_covariances'] for entry in entries]) == pytest.approx(alone[1], rel=1e-3)


@pytest.fixture
def folds(trained, frames, tmp_path):
    """Two checkpoints that say that they were validated on one half each of six frames; gives their paths."""
    content, paths = load(trained.checkpoint), []
    everything = json.loads(Path(frames(tmp_path / 'six.json', count=6)).read_text())
    for number in range(2):
        part = tmp_path / f'part{number}.json'
        part.write_text(json.dumps(part_coco(everything, ['in', 'out'] * 3 if number else ['out', 'in'] * 3)['in']))
        text = content['meta']['cfg'] + f'\nval_dataloader["dataset"]["ann_file"] = {str(part)!r}\n'
        text += f'train_dataloader["dataset"]["ann_file"] = {str(tmp_path / "absent.json")!r}\n'
        paths.append(tmp_path / f'fold{number}.pth')
        torch.save(content | dict(meta=content['meta'] | dict(cfg=text)), paths[-1])
    return paths


def test_folds_get_one_map_of_what_each_was_validated_on(folds, config, trained, call, tmp_path, capsys):
    call('calibrate', config, *folds, '--work-dir', tmp_path / 'work', '--kind', 'scale')
    first, second = (load(path.with_name(f'{path.stem}_calibrated.pth')) for path in folds)
    assert (about := first['meta']['calibration'])['images'] == 6 and about == second['meta']['calibration']
    assert about['ann_file'] == f'{tmp_path / "part0.json"}, {tmp_path / "part1.json"}'
    assert all(torch.equal(first['state_dict'][name], second['state_dict'][name]) for name in BUFFERS)
    # the same weights on the same frames: as of one checkpoint validated on all
    options = ('--kind', 'scale', '--cfg-options', f'val_dataloader.dataset.ann_file={tmp_path / "six.json"}')
    call('calibrate', config, trained.checkpoint, '--work-dir', tmp_path, '--out', tmp_path / 'all.pth', *options)
    whole = load(tmp_path / 'all.pth')['state_dict'][BUFFERS[0]]
    torch.testing.assert_close(first['state_dict'][BUFFERS[0]], whole, rtol=1e-3, atol=1e-4)
    capsys.readouterr()  # the map may go into another checkpoint
    options = ('--conformal', 0.8, '--worst-fold', '--into', trained.checkpoint, '--out', tmp_path / 'o.pth')
    call('calibrate', config, *folds, *options, '--work-dir', tmp_path)
    said = capsys.readouterr().out
    assert said.count('calibrating on 3 images') == 2 and f'written: {tmp_path / "o.pth"}' in said
    assert load(tmp_path / 'o.pth')['meta']['calibration'].items() >= dict(images=6, worst_fold=True).items()


def test_folds_that_are_none_are_refused(folds, refuse, config, call, tmp_path):
    assert 'expected none, as there are 2 checkpoints' in refuse(config, *folds)
    for cfg, message in (('', 'expected a record of its config'), ('a = (', 'cannot be read')):
        content = load(folds[1])
        content['meta']['cfg'] = cfg
        torch.save(content, folds[1])
        with pytest.raises(SystemExit, match=f'checkpoint .*fold1.pth: .*{message}'):
            call('calibrate', config, *folds, '--work-dir', tmp_path)
    assert not list(tmp_path.glob('*_calibrated.pth'))


@pytest.fixture
def refuse(call, tmp_path):
    """Run the tool on what it does not take; gives the message after checking that nothing was written."""

    def run(config, *arguments):
        with pytest.raises(SystemExit) as stop:
            call('calibrate', config, *arguments, '--work-dir', tmp_path / 'work', '--out', tmp_path / 'out.pth')
        message = stop.value.code
        assert isinstance(message, str) and message.startswith('error: ') and '\n' not in message
        assert not (tmp_path / 'out.pth').exists()
        return message

    return run


def test_images_of_the_test_set_are_refused(refuse, config, trained, frames, tmp_path):
    message = refuse(trained.config, trained.checkpoint)
    assert f'val_dataloader and test_dataloader both read {MOUSE / "val.json"}' in message
    overlapping = frames(tmp_path / 'three.json', count=3, source='test')
    options = ('--cfg-options', f'val_dataloader.dataset.ann_file={overlapping}')
    message = refuse(config, trained.checkpoint, *options)
    first = json.loads(Path(overlapping).read_text())['images'][0]['file_name']
    assert 'share 3 images, the first is ' in message and str(MOUSE) in message and first.split('/')[0] in message


def test_images_of_the_training_are_named(config, trained, call, frames, tmp_path, capsys):
    seen = frames(tmp_path / 'seen.json', count=4)
    options = ('--kind', 'scale', '--cfg-options', f'val_dataloader.dataset.ann_file={seen}')
    call('calibrate', config, trained.checkpoint, '--work-dir', tmp_path, '--out', tmp_path / 'a.pth', *options)
    assert 'warning: 4 of 4 images were trained on' in capsys.readouterr().out


def test_too_few_images_are_refused(refuse, config, trained, frames, tmp_path):
    one, two = (frames(tmp_path / f'{count}.json', count=count) for count in (1, 2))
    options = (config, trained.checkpoint, '--cfg-options', f'val_dataloader.dataset.ann_file={one}')
    assert f'{one}: cross-validation needs two folds and two images' in refuse(*options)
    options = (config, trained.checkpoint, '--cfg-options', f'val_dataloader.dataset.ann_file={two}')
    assert f'{two}: a level of 0.999 needs at least 15984 errors, got 31' in refuse(*options, '--conformal', 0.999)


def test_what_is_asked_for_makes_no_sense(refuse, config, trained, calibrated, call, tmp_path):
    assert 'expected a level between 0 and 1, got 1.5' in refuse(config, trained.checkpoint, '--conformal', 1.5)
    assert 'expected --conformal and the checkpoints of several' in refuse(config, trained.checkpoint, '--worst-fold')
    with pytest.raises(SystemExit, match='expected another file than the checkpoint'):
        call('calibrate', config, calibrated[0], '--work-dir', tmp_path, '--out', calibrated[0])
    with pytest.raises(SystemExit, match='expected the file to write'):
        call('calibrate', config, 'https://example.org/a.pth', '--work-dir', tmp_path)


def test_boxes_of_a_detector_are_refused(refuse, config, trained):
    options = ('--cfg-options', 'val_dataloader.dataset.bbox_file=boxes.json')
    assert "a detector's boxes (bbox_file), and no labels" in refuse(config, trained.checkpoint, *options)


def test_model_of_mmpose_is_refused(refuse, trained, tmp_path):
    stock = """
model = dict(_delete_=True, type='TopdownPoseEstimator', backbone=dict(type='ResNet', depth=18), head=dict(
    type='HeatmapHead', in_channels=512, out_channels=17, loss=dict(type='KeypointMSELoss'),
    decoder=dict(type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=2)))
"""
    config = change_val(tmp_path, trained.config, MOUSE / 'val.json', stock)
    assert "changed.py: the model's head has no calibration" in refuse(config, trained.checkpoint)


@pytest.mark.parametrize('kind', ['missing', 'cut short', 'another model', 'another map'])
def test_checkpoint_is_wrong(kind, refuse, config, trained, tmp_path):
    path, content = tmp_path / 'given.pth', load(trained.checkpoint)
    if kind == 'cut short':
        path.write_bytes(trained.checkpoint.read_bytes()[:9999])
    elif kind == 'another model':
        torch.save(dict(state_dict=torch.nn.Linear(2, 3).state_dict()), path)
    elif kind == 'another map':
        content['state_dict']['head.calibration.log_scale'] = torch.zeros(19)
        torch.save(content, path)
    says = {'missing': 'does not exist', 'cut short': 'damaged', 'another model': 'another model'}
    says['another map'] = 'head.calibration.log_scale has shape (19,), expected (17,)'
    message = refuse(config, path)
    assert f'checkpoint {path}' in message and says[kind] in message
