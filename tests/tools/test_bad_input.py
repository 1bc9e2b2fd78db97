"""What a user does wrong ends in one clear sentence, and costs nothing that was saved before."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
MOUSE = ROOT / 'tests/data/mirror_mouse'


@pytest.fixture
def refuse(trained, tiny, call, tmp_path):
    """Run a tool on what is wrong in a work dir with results; gives the message after checking all that must hold."""
    work_dir = tmp_path / 'work'
    shutil.copytree(trained.work_dir, work_dir)
    (work_dir / 'metrics.json').write_text('{}')
    (work_dir / 'results.json').write_text('[]')

    def run(tool, config, *arguments):
        saved = fingerprints(work_dir)
        with pytest.raises(SystemExit) as stop:
            call(tool, config, *arguments, '--work-dir', work_dir)
        message = stop.value.code
        assert isinstance(message, str) and message.startswith('error: '), message
        assert '\n' not in message and 'Traceback' not in message and 20 < len(message) < 700, message
        assert fingerprints(work_dir) == saved
        return message

    return run


def fingerprints(work_dir):
    files = [*work_dir.glob('*.pth'), *work_dir.glob('*.json'), work_dir / 'last_checkpoint']
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def change(frames, path, **keys):
    """Write frames whose third annotation differs; gives the path."""
    content = json.loads(Path(frames(path)).read_text())
    content['annotations'][2] |= keys
    path.write_text(json.dumps(content))
    return str(path)


def third(key):
    return json.loads((MOUSE / 'train.json').read_text())['annotations'][2][key]


def test_annotation_file_missing(refuse, tiny, tmp_path):
    assert 'nowhere.json: there is no such file' in refuse(
        'train', tiny(tmp_path, train=str(tmp_path / 'nowhere.json'))
    )


def test_annotation_file_cut_short(refuse, tiny, tmp_path):
    path = tmp_path / 'cut.json'
    path.write_bytes((MOUSE / 'train.json').read_bytes()[:5000])
    message = refuse('train', tiny(tmp_path, train=str(path)))
    assert f'{path}: line 1, column ' in message and 'truncated' in message


@pytest.mark.parametrize('text, says', [('[1, 2]', 'got a list'), ('{"a": 1}', "got the keys ['a']"), ('x,y', 'JSON')])
def test_annotation_file_is_something_else(text, says, refuse, tiny, tmp_path):
    path = tmp_path / 'other.json'
    path.write_text(text)
    message = refuse('train', tiny(tmp_path, train=str(path)))
    assert str(path) in message and says in message


@pytest.mark.parametrize(
    'keys, says',
    [
        (dict(keypoints=[1, 2, 2] * 16), 'expected 17 keypoints'),
        (dict(keypoints=[float('nan'), 2, 2] * 17), 'finite'),
        (dict(bbox=[10, 10, 0, 20]), 'expected a box of positive width and height'),
        (dict(bbox=[10, 10, float('inf'), 20]), 'finite'),
        (dict(image_id=987), 'image_id 987'),
    ],
)
def test_annotation_is_wrong(keys, says, refuse, tiny, frames, tmp_path):
    path = tmp_path / 'wrong.json'
    message = refuse('train', tiny(tmp_path, train=change(frames, path, **keys)))
    assert f'{path}: annotation {third("id")}' in message and says in message


def test_skeleton_has_other_keypoints(refuse, tiny, frames, tmp_path):
    path = tmp_path / 'named.json'
    content = json.loads(Path(frames(path)).read_text())
    content['categories'][0]['keypoints'] = content['categories'][0]['keypoints'][:-1]
    path.write_text(json.dumps(content))
    message = refuse('train', tiny(tmp_path, train=str(path)))
    assert f'{path}: category' in message and 'expected 17 keypoint names, got 16' in message


def test_nobody_is_labelled(refuse, tiny, tmp_path):
    path = tmp_path / 'empty.json'
    path.write_text(json.dumps(dict(images=[], annotations=[], categories=[])))
    message = refuse('train', tiny(tmp_path, train=str(path)))
    assert message == f'error: {path}: expected a person with labelled keypoints, got none'


@pytest.fixture
def images(frames, tmp_path):
    """A folder with 8 frames; gives the file of the third annotation's image."""
    content = json.loads(Path(frames(tmp_path / 'frames.json')).read_text())
    names = {image['id']: image['file_name'] for image in content['images']}
    for name in names.values():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(MOUSE / name, tmp_path / name)
    return tmp_path / names[third('image_id')]


@pytest.mark.parametrize('workers', [0, 1])
@pytest.mark.parametrize('damage', ['missing', 'cut short', 'no image'])
def test_image_is_damaged(damage, workers, images, refuse, tiny, tmp_path):
    if damage == 'missing':
        images.unlink()
    else:
        images.write_bytes(images.read_bytes()[:20000] if damage == 'cut short' else b'hello')
    config = tiny(tmp_path, train=str(tmp_path / 'frames.json'), root=tmp_path)
    message = refuse('train', config, '--cfg-options', f'train_dataloader.num_workers={workers}')
    says = {'missing': 'there is no such image file', 'cut short': 'ends too early', 'no image': 'cannot decode'}
    assert f'{images} (annotation {third("id")})' in message and says[damage] in message


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_half_precision_without_a_gpu(refuse, trained):
    options = ('--cfg-options', 'optim_wrapper.type=AmpOptimWrapper')
    assert 'tiny.py: AmpOptimWrapper needs a GPU' in refuse('train', trained.config, *options)


@pytest.fixture
def checkpoint(trained, tmp_path):
    """Write what is no checkpoint of the tiny model; gives the file and what the message has to say."""

    def write(kind):
        path, data = tmp_path / 'given.pth', trained.checkpoint.read_bytes()
        if kind == 'cut short':
            path.write_bytes(data[: len(data) // 2])
        elif kind == 'a text':
            path.write_text('hello')
        elif kind == 'another model':
            torch.save(dict(state_dict=torch.nn.Linear(2, 3).state_dict()), path)
        return path, dict(missing='does not exist').get(kind, 'another model' if kind == 'another model' else 'damaged')

    return write


@pytest.mark.parametrize('kind', ['missing', 'cut short', 'a text', 'another model'])
@pytest.mark.parametrize('use', ['test', 'resume', 'load_from'])
def test_checkpoint_is_wrong(kind, use, checkpoint, refuse, trained):
    path, says = checkpoint(kind)
    arguments = dict(test=[path], resume=['--resume', path], load_from=['--cfg-options', f'load_from={path}'])[use]
    message = refuse('test' if use == 'test' else 'train', trained.config, *arguments)
    assert f'checkpoint {path}' in message and says in message


@pytest.mark.parametrize(
    'text, says',
    [
        ('train_clg = dict(max_epochs=1)', "unknown key 'train_clg', did you mean 'train_cfg'?"),
        ('train_cfg = dict(max_epoch=1)', 'max_epoch'),
        ("model = dict(head=dict(in_chanels=64))", "unexpected keyword argument 'in_chanels'"),
        ("model = dict(backbone=dict(type='HybridNat'))", 'HybridNat is not in the'),
        ("model = dict(backbone=dict(variant='xl'))", "not 'xl'"),
        ("model = dict(head=dict(codec=dict(covariance=dict(relative_sigma=-1.0))))", 'must be positive and finite'),
        ('train_dataloader = dict(num_worker=1)', "unexpected keyword argument 'num_worker'"),
        ("train_dataloader = dict(dataset=dict(anf_file='a.json'))", "unexpected keyword argument 'anf_file'"),
        ("default_hooks = dict(chekpoint=dict(interval=1))", 'chekpoint'),
        ("default_hooks = dict(checkpoint=dict(intervall=1))", "unexpected keyword argument 'intervall'"),
        ("optim_wrapper = dict(optimizer=dict(learning_rate=1))", "unexpected keyword argument 'learning_rate'"),
        ("val_evaluator = dict(type='CocoMetrics')", 'CocoMetrics'),
        ('crop = ', 'syntax'),
        ('crop = dict(', 'never closed'),
        ('crop = 1 +* 2', 'syntax'),
        ('a = undefined_name', 'undefined_name'),
        ('a = _base_.not_there', 'not_there'),
        ('import not_a_module', 'not_a_module'),
        ('a = 1 / 0', 'division'),
        ('model = None', "has no 'model'"),
        ("model = [1]", 'model'),
    ],
)  # fmt: skip
def test_config_is_wrong(text, says, refuse, tiny, tmp_path):
    path = tmp_path / 'wrong.py'
    path.write_text(f'_base_ = {tiny(tmp_path)!r}\n{text}\n')
    message = refuse('train', path)
    assert says in message and str(path) in message


def test_config_is_missing(refuse, tmp_path):
    assert refuse('train', tmp_path / 'no.py') == f'error: config {tmp_path / "no.py"} does not exist'


def test_base_of_a_config_is_missing(refuse, tmp_path):
    (tmp_path / 'a.py').write_text("_base_ = 'gone.py'\n")
    message = refuse('train', tmp_path / 'a.py')
    assert 'gone.py' in message and str(tmp_path / 'a.py') in message


def test_config_is_no_python(refuse, tmp_path):
    (tmp_path / 'a.txt').write_text('a = 1\n')
    assert str(tmp_path / 'a.txt') in refuse('train', tmp_path / 'a.txt')


@pytest.mark.parametrize(
    'option, says',
    [
        ('train_cgf.max_epochs=1', "unknown key 'train_cgf', did you mean 'train_cfg'?"),
        ('train_cfg.max_epoch=1', 'max_epoch'),
        ('model.head.in_chanels=64', 'in_chanels'),
        ('test_evaluator.7.type=EPE', '7'),
        ('train_cfg.max_epochs.a=1', 'max_epochs'),
    ],
)
def test_option_is_wrong(option, says, refuse, trained):
    assert says in refuse('train', trained.config, '--cfg-options', option)


def test_several_processes_by_slurm_need_gpus(refuse, trained, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert '--launcher slurm needs GPUs' in refuse('train', trained.config, '--launcher', 'slurm')


def test_result_file_stays_when_an_image_is_missing(images, refuse, tiny, trained, tmp_path):
    images.unlink()
    path = str(tmp_path / 'frames.json')
    more = f'test_dataloader["dataset"]["ann_file"] = {path!r}\ntest_evaluator = [dict(type="EPE")]'
    config = tiny(tmp_path, root=tmp_path, more=more)
    refuse('test', config, trained.checkpoint, '--out', tmp_path / 'work/results.json')


def test_message_and_exit_code_of_a_process(command, trained, tmp_path):
    process = command('train.py', tmp_path / 'no.py', '--work-dir', tmp_path)
    output, _ = process.communicate()
    assert process.returncode == 1
    assert output.splitlines()[-1] == f'error: config {tmp_path / "no.py"} does not exist'
    assert 'Traceback' not in output
