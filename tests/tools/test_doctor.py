"""The doctor, as a user asks it."""

import json
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOUSE = ROOT / 'tests/data/mirror_mouse'


@pytest.fixture
def doctor(call, capsys):
    """Ask the doctor; gives the exit status and what was said."""

    def ask(*arguments):
        capsys.readouterr()
        try:
            call('doctor', *arguments)
        except SystemExit as stop:
            return stop.code, capsys.readouterr().out
        return None, capsys.readouterr().out

    return ask


def test_a_good_config(doctor, tiny, tmp_path):
    status, said = doctor(tiny(tmp_path), '--samples', 4)
    assert status == 0 and 'FAIL  ' not in said, said
    assert said.splitlines()[0] == 'ok    train: 8 images, 8 instances, 132 labelled keypoints'
    assert '\nok    a training step on 4 samples: loss ' in said
    assert said.splitlines()[-1].endswith('warn, 0 FAIL')


def test_quiet_and_without_a_model(doctor, tiny, tmp_path):
    status, said = doctor(tiny(tmp_path), '--quiet', '--no-model')
    assert status == 0 and 'ok    ' not in said and 'keypoints have fewer than 10 labels' in said


def test_a_checkpoint(doctor, trained):
    status, said = doctor(trained.config, '--samples', 4, '--quiet', '--checkpoint', trained.checkpoint)
    assert status == 0
    options = ['--cfg-options', 'model.backbone.variant=b', 'model.neck.in_channels=[64,128,256,384]']
    status, said = doctor(trained.config, '--samples', 4, '--quiet', '--checkpoint', trained.checkpoint, *options)
    assert status == 1 and 'FAIL  checkpoint' in said and 'is of another model' in said


def test_mistakes_are_counted_and_mended(doctor, tiny, frames, tmp_path):
    path = Path(frames(tmp_path / 'wrong.json'))
    content = json.loads(path.read_text())
    content['annotations'][2]['bbox'] = [10, 10, 0, 20]
    content['annotations'][5]['keypoints'] = [1, 2, 2]
    content['images'][1]['width'] = -1
    path.write_text(json.dumps(content))
    status, said = doctor(tiny(tmp_path, train=str(path)), '--no-model')
    failures = [line for line in said.splitlines() if line.startswith('FAIL')]
    assert status == 1 and len(failures) == 3 and all('  ->  ' in line for line in failures)
    assert said.splitlines()[-1].endswith(', 3 FAIL')


@pytest.mark.parametrize(
    'arguments, says',
    [
        ([], 'expected either a config or --init'),
        (['a.py', '--init', 'b.json'], 'expected either a config or --init'),
        (['--init', 'b.json'], '--init needs --name'),
        (['--init', *'abcd', '--name', 'x'], 'one to three files'),
        (['--init', 'b.json', '--name', 'x', '--input-size', '100x64'], 'multiples of 32 px'),
        (['a.py', '--samples', '0'], 'at least 1'),
    ],
)
def test_arguments(arguments, says, call, capsys):
    with pytest.raises(SystemExit) as stop:
        call('doctor', *arguments)
    assert stop.value.code == 2 and says in capsys.readouterr().err


@pytest.fixture
def project(tmp_path, monkeypatch, drawn_set):
    """A folder with the project's configs, where a user has drawn 24 people."""
    shutil.copytree(ROOT / 'configs/_base_', tmp_path / 'configs/_base_')
    drawn_set(tmp_path / 'drawn')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder):
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


INIT = ('--init', 'drawn/labels.json', '--name', 'stick_men', '--configs', 'configs', '--input-size', '64x64')


def test_from_annotations_to_a_training(project, doctor, call):
    """What a new user does: --init, doctor, train."""
    status, said = doctor(*INIT)
    assert status is None
    assert 'flip pairs, guessed from the names; check them: left_hand - right_hand, left_foot - right_foot' in said
    assert 'note: OKS sigmas are 0.05 for all' in said and '80% train, 20% val, at random by image' in said
    config = 'configs/animal/hybridnet_s_stick_men_64x64.py'
    assert said.splitlines()[-2:] == [f'  python tools/doctor.py {config}', f'  python tools/train.py {config}']
    status, said = doctor(config, '--samples', 8, '--all')
    assert status == 0, said
    assert 'ok    images are mirrored; 2 flip pairs, as the names tell' in said
    assert 'ok    all images of val and test are none of those trained on' in said
    options = ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'train_dataloader.num_workers=0']
    options += ['val_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False']
    options += ['val_dataloader.persistent_workers=False', 'default_hooks.checkpoint.interval=1']
    call('train', config, '--cfg-options', *options)
    assert (project / 'work_dirs/hybridnet_s_stick_men_64x64/epoch_1.pth').is_file()


def test_nothing_is_overwritten(project, doctor):
    doctor(*INIT)
    before = written(project)
    status, _ = doctor(*INIT)
    assert str(status).startswith('error: configs/_base_/skeletons/stick_men.py, ') and 'labels_val.json' in status
    assert written(project) == before


def test_files_of_ones_own_for_each_part(project, doctor, drawn_set):
    for seed in (1, 2):
        path = drawn_set(project / 'drawn', count=4, seed=seed)
        path.rename(project / f'drawn/{seed}.json')
    drawn_set(project / 'drawn')
    before = set(written(project))
    status, said = doctor('--init', 'drawn/labels.json', 'drawn/1.json', 'drawn/2.json', *INIT[2:])
    assert status is None and 'at random' not in said
    assert len(set(written(project)) - before) == 3
    status, said = doctor('configs/animal/hybridnet_s_stick_men_64x64.py', '--no-model')
    assert status == 0 and 'ok    test: 4 images, 4 instances' in said


def test_records_are_completed(project, doctor):
    path = project / 'drawn/labels.json'
    content = json.loads(path.read_text())
    for annotation in content['annotations']:
        del annotation['area'], annotation['bbox'], annotation['iscrowd']
    path.write_text(json.dumps(content))
    status, said = doctor(*INIT)
    assert status is None and '24 annotations had no bbox; it was added' in said
    status, said = doctor('configs/animal/hybridnet_s_stick_men_64x64.py', '--no-model')
    assert status == 0, said
    assert json.loads(path.read_text()) == content


@pytest.mark.parametrize(
    'changes, says',
    [
        (['--name', 'coco'], 'coco is the name of a data set of mmpose'),
        (['--name', 'Stick Men'], 'expected small letters'),
        (['--name', 'men_64x64'], 'without a size at the end'),
        (['--img-root', 'nowhere'], '.png is not in nowhere; name the folder with --img-root'),
        (['--configs', 'drawn'], 'expected the configs of this project'),
        (['--init', 'drawn/nowhere.json'], 'there is no such file'),
        (['--init', 'configs/_base_/default_runtime.py'], 'expected JSON'),
    ],
)
def test_init_refuses(changes, says, project, doctor):
    before = written(project)
    status, _ = doctor(*INIT, *changes)
    assert str(status).startswith('error: ') and says in status, status
    assert written(project) == before
