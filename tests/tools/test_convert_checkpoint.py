"""Converting checkpoints on the command line: what fits, what does not, and that the values are the same."""

import os
from pathlib import Path

import mmpose
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmpose.registry import MODELS
from safetensors.torch import load_file

pytestmark = pytest.mark.usefixtures('mmpose_scope')
ROOT = Path(__file__).parents[2]
SHIPPED = Path(mmpose.__file__).parent / '.mim/configs/body_2d_keypoint/topdown_heatmap/coco'
SMALL_HRNET = """
_base_ = {base!r}
model = dict(backbone=dict(extra=dict(
    stage1=dict(num_blocks=(1,), num_channels=(4,)),
    stage2=dict(num_blocks=(1, 1), num_channels=(4, 8)),
    stage3=dict(num_modules=1, num_blocks=(1,) * 3, num_channels=(4, 8, 16)),
    stage4=dict(num_modules=1, num_blocks=(1,) * 4, num_channels=(4, 8, 16, 32)))),
    head=dict(in_channels=4{more}))
"""
SMALL_VIT = """
_base_ = {base!r}
arch = dict(_delete_=True, embed_dims=16, num_layers=2, num_heads=4, feedforward_channels=32)
model = dict(backbone=dict(arch=arch), neck=dict(in_channels=16, out_channels=8), head=dict(in_channels=8))
"""


@pytest.fixture
def small(tmp_path):
    """A config of a small HRNet under a rule."""

    def write(rule='official', more=''):
        path = tmp_path / f'small_{rule}.py'
        base = str(ROOT / f'configs/body/hrnet_w32_coco_256x192_{rule}.py')
        path.write_text(SMALL_HRNET.format(base=base, more=more))
        return str(path)

    return write


def randomised(model, seed=0):
    """The state of a model, all of it drawn."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(value.shape, generator=generator) if value.is_floating_point() else value
        for name, value in model.state_dict().items()
        if '.calibration.' not in name
    }


def official(state):
    """The names of HRNet's authors."""
    return {name.removeprefix('backbone.').removeprefix('head.'): value for name, value in state.items()}


def saved(content, path):
    torch.save(content, path)
    return path


def same(found, wanted):
    return found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_known_config_is_found_and_what_is_written_is_read_by_mmpose(call, tmp_path, capsys):
    from mmpose.apis import inference_topdown, init_model  # imports only once the plugin mended what is installed

    path = ROOT / 'configs/body/hrnet_w32_coco_384x288_official.py'
    state = randomised(MODELS.build(Config.fromfile(path).model))
    src = saved({f'module.{name}': value for name, value in official(state).items()}, tmp_path / 'src.pth')
    call('convert_checkpoint', 'hrnet-official', src, tmp_path / 'dst.pth')
    out = capsys.readouterr().out
    assert '1754 with 28,536,113 parameters' in out
    assert 'hrnet_w32_coco_384x288_official.py, hrnet_w32_coco_256x192_official.py' in out
    content = torch.load(tmp_path / 'dst.pth', weights_only=False)
    assert same(content['state_dict'], state)
    assert content['meta']['source'] == 'hrnet-official' and content['meta']['file'] == 'src.pth'
    model = init_model(str(path), str(tmp_path / 'dst.pth'), device='cpu')
    assert model.dataset_meta['num_keypoints'] == 17
    (sample,) = inference_topdown(model, np.zeros((64, 48, 3), np.uint8))
    assert sample.pred_instances.keypoints.shape == (1, 17, 2)


@pytest.mark.parametrize('suffix', ['pth', 'safetensors'])
def test_strict_load_and_a_forward_pass(suffix, small, call, tmp_path, capsys):
    config = small()
    model = MODELS.build(Config.fromfile(config).model).eval()
    state = randomised(model)
    model.load_state_dict(state, strict=False)
    inputs = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        heatmap = model(inputs)
    np.savez(tmp_path / 'reference.npz', input=inputs.numpy(), heatmap=heatmap.numpy())
    src, dst = saved(official(state), tmp_path / 'src.pth'), tmp_path / f'dst.{suffix}'
    options = ['--config', config, '--reference', tmp_path / 'reference.npz']
    call('convert_checkpoint', 'hrnet-official', src, dst, *options)
    out = capsys.readouterr().out
    assert 'strict load   small_official.py' in out
    assert float(out.split('largest difference ')[1].split(',')[0]) <= 1e-5 * heatmap.abs().max()
    written = load_file(dst) if suffix == 'safetensors' else torch.load(dst, weights_only=False)['state_dict']
    assert same(written, state)
    # and once more, from there
    call('convert_checkpoint', 'mmpose', dst, tmp_path / 'again.pth', '--config', config)
    assert same(torch.load(tmp_path / 'again.pth', weights_only=False)['state_dict'], state)


def test_wrong_references(small, call, tmp_path):
    config = small()
    src = saved(official(randomised(MODELS.build(Config.fromfile(config).model))), tmp_path / 'src.pth')
    arguments = ['hrnet-official', src, tmp_path / 'dst.pth', '--config', config, '--reference']
    np.savez(tmp_path / 'a.npz', input=np.zeros((1, 3, 64, 64), np.float32))
    np.savez(tmp_path / 'b.npz', input=np.zeros((1, 3, 64, 64), np.float32), heatmap=np.zeros((1, 17, 8, 8)))
    for name, message in [
        ('a.npz', 'a.npz: expected an .npz with input and heatmap'),
        ('b.npz', r'b.npz: the heatmaps of small_official.py are \(1, 17, 16, 16\), expected \(1, 17, 8, 8\)'),
        ('gone.npz', 'gone.npz: expected an .npz'),
        ('gone.py', 'config .*gone.py does not exist'),
        (
            SHIPPED / 'td-hm_hrnet-w32_8xb64-210e_coco-256x192.py',
            r'src.pth does not fit .*td-hm_hrnet-w32.* has the shape',
        ),
    ]:
        with pytest.raises(SystemExit, match=f'error: .*{message}'):
            call('convert_checkpoint', *arguments, tmp_path / name)
    assert not (tmp_path / 'dst.pth').exists()


@pytest.mark.parametrize(
    'change, message',
    [
        (
            lambda state: state.pop('stage2.0.branches.0.0.bn1.bias'),
            'backbone.stage2.0.branches.0.0.bn1.bias is missing',
        ),
        (lambda state: state.pop('final_layer.weight'), 'head.final_layer.weight is missing'),
        (lambda state: state.update({'bn9.weight': torch.ones(1)}), 'backbone.bn9.weight is left over'),
        (
            lambda state: state.update({'classifier.weight': torch.ones(1)}),
            'names that .* not have: classifier.weight$',
        ),
        (
            lambda state: state.update({'conv1.weight': torch.ones(64, 1, 3, 3)}),
            r'backbone.conv1.weight has the shape \(64, 1, 3, 3\), expected \(64, 3, 3, 3\)',
        ),
    ],
)
def test_missing_and_left_over_parameters(change, message, small, call, tmp_path):
    config = small()
    state = official(randomised(MODELS.build(Config.fromfile(config).model)))
    change(state)
    with pytest.raises(SystemExit, match=f'error: .*src.pth.*{message}'):
        call('convert_checkpoint', 'hrnet-official', saved(state, tmp_path / 'src.pth'), 'dst.pth', '--config', config)
    assert not (tmp_path / 'dst.pth').exists()


def test_another_architecture_names_the_layers_that_differ(small, call, tmp_path):
    state = official(randomised(MODELS.build(Config.fromfile(small()).model)))
    src = saved(state, tmp_path / 'src.pth')
    with pytest.raises(SystemExit) as caught:
        call('convert_checkpoint', 'hrnet-official', src, tmp_path / 'dst.pth')
    message = str(caught.value)
    assert 'does not fit hrnet_w32_coco_384x288_official.py: ' in message and 'name the config of the model' in message
    assert 'has the shape' in message and 'expected' in message and ' more' in message


def test_both_forms_of_mmpose(small, call, tmp_path, capsys):
    config = small('mmpose')
    state = randomised(MODELS.build(Config.fromfile(config).model))
    old = {name.replace('head.', 'keypoint_head.'): value for name, value in state.items()}
    for name, content in [('1.x', dict(state_dict=state, meta={})), ('0.x', dict(state_dict=old, meta={}))]:
        src = saved(content, tmp_path / f'{name}.pth')
        call('convert_checkpoint', 'mmpose', src, tmp_path / f'{name}_new.pth', '--config', config)
        assert same(torch.load(tmp_path / f'{name}_new.pth', weights_only=False)['state_dict'], state)
    both = saved(dict(state_dict=state | old), tmp_path / 'both.pth')
    with pytest.raises(SystemExit, match='expected one parameter that becomes head.final_layer.weight'):
        call('convert_checkpoint', 'mmpose', both, tmp_path / 'dst.pth', '--config', config)


def test_model_of_mmpose_is_a_reference(call, tmp_path, capsys):
    shipped = SHIPPED / 'td-hm_hrnet-w32_8xb64-210e_coco-256x192.py'
    settings = Config.fromfile(shipped).model
    settings.backbone.pop('init_cfg')
    model = MODELS.build(settings)
    src = saved(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'src.pth')
    call('convert_checkpoint', 'mmpose', src, tmp_path / 'dst.pth', '--reference', shipped)
    out = capsys.readouterr().out
    assert float(out.split('largest difference ')[1].split(',')[0]) < 1e-5
    assert all(f'hrnet_w32_coco_256x192_{rule}.py' in out for rule in ('mmpose', 'mmpose-dark', 'mmpose-udp'))


def vitpose(state, inputs):
    """ViTPose as its authors have it, in their names: the first position is added to all others."""

    def norm(x, name):
        return F.layer_norm(x, x.shape[-1:], state[f'{name}.weight'], state[f'{name}.bias'], 1e-6)

    def linear(x, name):
        return F.linear(x, state[f'{name}.weight'], state[f'{name}.bias'])

    patches = 'backbone.patch_embed.proj'
    x = F.conv2d(inputs, state[f'{patches}.weight'], state[f'{patches}.bias'], stride=16, padding=2)
    size = x.shape[-2:]
    x = x.flatten(2).mT
    x = x + state['backbone.pos_embed'][:, 1:] + state['backbone.pos_embed'][:, :1]
    for block in ('backbone.blocks.0', 'backbone.blocks.1'):
        q, k, v = linear(norm(x, f'{block}.norm1'), f'{block}.attn.qkv').unflatten(-1, (3, 4, 4)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.mT / 2).softmax(-1)
        x = x + linear((weights @ v).transpose(1, 2).flatten(2), f'{block}.attn.proj')
        x = x + linear(F.gelu(linear(norm(x, f'{block}.norm2'), f'{block}.mlp.fc1')), f'{block}.mlp.fc2')
    x = norm(x, 'backbone.last_norm').mT.unflatten(-1, size)
    for i in (0, 3):
        x = F.conv_transpose2d(x, state[f'keypoint_head.deconv_layers.{i}.weight'], stride=2, padding=1)
        names = [f'keypoint_head.deconv_layers.{i + 1}.{n}' for n in ('running_mean', 'running_var', 'weight', 'bias')]
        x = F.relu(F.batch_norm(x, *(state[name] for name in names)))
    return F.conv2d(x, state['keypoint_head.final_layer.weight'], state['keypoint_head.final_layer.bias'])


def drawn_vitpose():
    shapes = {'pos_embed': (1, 193, 16), 'patch_embed.proj.weight': (16, 3, 16, 16), 'patch_embed.proj.bias': (16,)}
    for i in (0, 1):
        for name, *shape in [('attn.qkv', 48, 16), ('attn.proj', 16, 16), ('mlp.fc1', 32, 16), ('mlp.fc2', 16, 32)]:
            shapes |= {f'blocks.{i}.{name}.weight': shape, f'blocks.{i}.{name}.bias': shape[:1]}
        shapes |= {f'blocks.{i}.norm{j}.{leaf}': (16,) for j in (1, 2) for leaf in ('weight', 'bias')}
    shapes |= {'last_norm.weight': (16,), 'last_norm.bias': (16,)}
    shapes = {f'backbone.{name}': shape for name, shape in shapes.items()}
    for i, inputs in ((0, 16), (3, 8)):
        shapes[f'keypoint_head.deconv_layers.{i}.weight'] = (inputs, 8, 4, 4)
        norm = ('weight', 'bias', 'running_mean', 'running_var')
        shapes |= {f'keypoint_head.deconv_layers.{i + 1}.{leaf}': (8,) for leaf in norm}
    shapes |= {'keypoint_head.final_layer.weight': (17, 8, 1, 1), 'keypoint_head.final_layer.bias': (17,)}
    generator = torch.Generator().manual_seed(0)
    state = {name: torch.randn(shape, generator=generator) / 2 for name, shape in shapes.items()}
    return {name: value.abs() + 0.5 if name.endswith('running_var') else value for name, value in state.items()}


def test_vitpose(call, tmp_path, capsys):
    state, inputs = drawn_vitpose(), torch.randn(1, 3, 256, 192, generator=torch.Generator().manual_seed(1))
    heatmap = vitpose(state, inputs)
    np.savez(tmp_path / 'reference.npz', input=inputs.numpy(), heatmap=heatmap.numpy())
    config = tmp_path / 'small.py'
    config.write_text(SMALL_VIT.format(base=str(ROOT / 'configs/body/vitpose_b_coco_256x192_mmpose.py')))
    src = saved(dict(state_dict=state), tmp_path / 'vitpose.pth')
    options = ['--config', config, '--reference', tmp_path / 'reference.npz']
    call('convert_checkpoint', 'vitpose', src, tmp_path / 'dst.pth', *options)
    difference = float(capsys.readouterr().out.split('largest difference ')[1].split(',')[0])
    assert difference < 1e-4 * heatmap.abs().max()
    assert 'neck.deconv_layers.0.weight' in torch.load(tmp_path / 'dst.pth', weights_only=False)['state_dict']
    with pytest.raises(SystemExit, match='expected a checkpoint of mmpose'):
        call('convert_checkpoint', 'mmpose', saved({'model': torch.ones(1)}, src), tmp_path / 'a.pth')


class Danger:
    """Is pickled as a call."""

    def __reduce__(self):
        return os.system, ('touch done',)


@pytest.mark.parametrize('source, name', [('hrnet-official', 'a.pth'), ('paddledetection', 'a.pdparams')])
def test_code_in_a_file_is_not_run(source, name, call, tmp_path, monkeypatch):
    import pickle

    monkeypatch.chdir(tmp_path)
    if name.endswith('.pth'):
        torch.save(dict(state_dict={}, meta=Danger()), name)
    else:
        Path(name).write_bytes(pickle.dumps(Danger()))
    with pytest.raises(SystemExit, match=rf'error: checkpoint {name} is refused: .*system'):
        call('convert_checkpoint', source, name, 'dst.pth')
    assert not Path('done').exists() and not Path('dst.pth').exists()


def test_sources_are_sub_commands(call, capsys):
    with pytest.raises(SystemExit):
        call('convert_checkpoint', 'darknet', 'a', 'b')
    error = capsys.readouterr().err
    assert all(name in error for name in ('hrnet-official', 'paddledetection', 'mmpose', 'vitpose'))
