"""Targets fitted to readers: the file, the units, turning, checkpoints without the file."""

import copy
import json
import math

import mmengine.runner
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose.registry import KEYPOINT_CODECS, MODELS

from hybridkp.codecs import TargetContext
from hybridkp.errors import InputError
from hybridkp.ops.covariance import area, from_sigmas, mirror, transform

pytestmark = pytest.mark.usefixtures('mmpose_scope')
NOISE = from_sigmas(*torch.tensor([[0.01, 0.004, 0.008], [0.005, 0.004, 0.002], [0.6, 0.0, -1.2]]))
"""The readers' covariances (3, 2, 2) of the files here, in units of the image's side, squared."""
EYE = torch.eye(2)


def coco(images=400, sizes=((300, 400), (600, 800)), names=('one', 'other'), seed=0):
    """What readers marked in images of several sizes, with errors of NOISE."""
    generator = torch.Generator().manual_seed(seed)
    content = dict(images=[], annotations=[], categories=[])
    for i in range(images):
        width, height = sizes[i % len(sizes)]
        content['images'].append(dict(id=i, file_name=f'{i}.png', width=width, height=height))
        truth = torch.rand(3, 2, generator=generator) * torch.tensor([width, height])
        readers = {}
        for name in names:
            noise = (torch.linalg.cholesky(NOISE) @ torch.randn(3, 2, 1, generator=generator))[..., 0]
            marked = truth + math.sqrt(width * height) * noise
            readers[name] = torch.cat((marked, torch.full((3, 1), 2.0)), dim=1).flatten().tolist()
        content['annotations'].append(dict(id=i, image_id=i, category_id=1, readers=readers))
    return content


def write(folder, content):
    path = folder / 'readers.json'
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


@pytest.fixture(scope='module')
def ann_file(tmp_path_factory):
    return write(tmp_path_factory.mktemp('readers'), coco())


def build(ann_file=None, **options):
    size = {} if {'sigma', 'relative_sigma', 'scale'} & set(options) else dict(scale=1.0)
    return KEYPOINT_CODECS.build(
        dict(dict(type='ReaderCovariance', ann_file=ann_file, num_keypoints=3), **size, **options)
    )


def covariances(source, jacobian=EYE, input_size=(400, 300)):
    return source(torch.zeros(1, 3, 2), input_size, TargetContext(jacobians=jacobian[None]))[0]


def test_is_the_readers_scatter_in_px_of_the_input(ann_file):
    # images of 300x400 and 600x800 px alike, in an input of 300x400
    found = covariances(build(ann_file, prior=1e-6))
    torch.testing.assert_close(found, 400 * 300 * NOISE, rtol=0.15, atol=0.4)


@pytest.mark.parametrize('input_size', [(400, 300), (200, 150), (400, 400), (100, 600)])
def test_is_exact_for_crops_of_the_whole_image(ann_file, input_size):
    """J S J^T, with J the scale at which an image of 300x400 px fits into the input (H, W)."""
    source = build(ann_file)
    in_the_image = 300 * 400 * source.covariances
    scale = min(input_size[0] / 400, input_size[1] / 300) * EYE
    torch.testing.assert_close(covariances(source, scale, input_size), transform(in_the_image, scale))


def test_turns_and_mirrors_with_the_image_and_does_not_zoom(ann_file):
    source = build(ann_file, relative_sigma=0.03)
    upright = covariances(source)
    cos, sin = math.cos(0.7), math.sin(0.7)
    turn = torch.tensor([[cos, -sin], [sin, cos]])
    torch.testing.assert_close(covariances(source, 2.5 * turn), transform(upright, turn))
    torch.testing.assert_close(covariances(source, torch.diag(torch.tensor([-0.5, 0.5]))), mirror(upright))
    torch.testing.assert_close(covariances(source, input_size=(800, 600)), 4 * upright)


def test_mean_size_is_given_and_the_readers_give_the_rest(ann_file):
    raw, relative, px = build(ann_file), build(ann_file, relative_sigma=0.03), build(ann_file, sigma=7.0)
    for source, sigma in ((relative, 0.03 * math.sqrt(300 * 400)), (px, 7.0)):
        found = covariances(source)
        assert area(found).log().mean().exp().item() == pytest.approx(sigma**2, rel=1e-4)
        factors = found / covariances(raw)
        torch.testing.assert_close(factors, factors[0, 0, 0].expand(3, 2, 2), rtol=1e-4, atol=0)
    torch.testing.assert_close(covariances(build(ann_file, scale=2.0)), 4 * covariances(raw))


def test_no_axis_is_narrower_than_the_floor(ann_file):
    for options in (dict(scale=1.0), dict(relative_sigma=0.004), dict(sigma=0.5)):
        narrow = torch.linalg.eigvalsh(covariances(build(ann_file, cell=4, **options))).sqrt()
        assert (narrow > 3 * (1 - 1e-4)).all() and narrow.min().item() == pytest.approx(3, rel=1e-4)


def test_offsets_count_or_not(tmp_path):
    content = coco()
    for annotation in content['annotations']:
        side = 0.1 * math.sqrt(300 * 400) * (1 + annotation['id'] % 2)  # 0.1 of each image's side along x
        annotation['readers']['one'] = [
            value + side * (i % 3 == 0) for i, value in enumerate(annotation['readers']['one'])
        ]
    path = write(tmp_path, content)
    without = build(path, keep_bias=False, prior=1e-6).covariances
    torch.testing.assert_close(without, NOISE, rtol=0.15, atol=4e-6)
    kept = build(path, prior=1e-6).covariances
    torch.testing.assert_close((kept - without)[:, 0, 0], torch.full((3,), 0.1**2 / 2), rtol=0.1, atol=0)


def test_two_images_are_drawn_towards_all_keypoints(tmp_path):
    source = build(write(tmp_path, coco(images=2)), prior=1e6)
    torch.testing.assert_close(source.covariances, source.covariances[:1].expand(3, 2, 2), rtol=1e-4, atol=0)
    weak = build(write(tmp_path, coco(images=2)), prior=1.0)
    assert (torch.linalg.eigvalsh(covariances(weak)) > 0).all()
    assert not torch.allclose(weak.covariances[0], weak.covariances[1], rtol=0.01)


def test_readers_who_did_not_read_everything(tmp_path):
    content = coco(names=('one', 'other', 'third'))
    for annotation in content['annotations'][::2]:
        del annotation['readers']['third']
        annotation['readers']['one'][5] = 0
    content['annotations'].append(dict(id=1000, image_id=0, category_id=1, keypoints=[]))
    found = build(write(tmp_path, content), prior=1e-6, keep_bias=False).covariances
    torch.testing.assert_close(found, NOISE, rtol=0.15, atol=4e-6)


@settings(max_examples=25, deadline=None)
@given(st.floats(-3.2, 3.2), st.floats(0.01, 50), st.booleans(), st.floats(1e-4, 10), st.sampled_from([1, 2, 4, 8]))
def test_always_positive_definite(ann_file, angle, zoom, flip, sigma, cell):
    cos, sin = zoom * math.cos(angle), zoom * math.sin(angle)
    jacobian = torch.tensor([[-cos if flip else cos, -sin], [-sin if flip else sin, cos]])
    found = covariances(build(ann_file, relative_sigma=sigma, cell=cell), jacobian)
    assert torch.equal(found, found.mT) and (torch.linalg.cholesky_ex(found).info == 0).all()


@pytest.mark.parametrize('load', [torch.nn.Module.load_state_dict, mmengine.runner.load_state_dict])
def test_a_checkpoint_takes_the_place_of_the_file(ann_file, load):
    fitted = build(ann_file)
    assert set(fitted.state_dict()) == {'covariances', 'aspect'}
    for path in (None, 'not/there.json'):
        source = torch.nn.ModuleDict(dict(source=build(path)))
        with pytest.raises((ValueError, FileNotFoundError), match='neither|not/there.json: there is no such file'):
            covariances(source['source'])
        load(source, torch.nn.ModuleDict(dict(source=fitted)).state_dict())
        assert torch.equal(covariances(source['source']), covariances(fitted))
        assert torch.equal(covariances(copy.deepcopy(source['source'])), covariances(fitted))


def test_a_checkpoint_of_another_source_does_not(ann_file):
    source = build()
    source.load_state_dict({}, strict=False)
    with pytest.raises(ValueError, match='neither an ann_file nor covariances from a checkpoint'):
        covariances(source)


def test_says_what_it_needs(ann_file):
    with pytest.raises(ValueError, match='ReaderCovariance needs jacobians, which'):
        build(ann_file)(torch.zeros(1, 3, 2), (64, 64), TargetContext(weights=torch.ones(1, 3)))


@pytest.mark.parametrize(
    'wrong, message',
    [
        (dict(scale=None), r'one of sigma \(px\), relative_sigma \(fraction of the side\) and scale'),
        (dict(scale=1.0, sigma=1.0), 'one of sigma'),
        (dict(scale=0.0), 'must be positive and finite'),
        (dict(prior=0.0), 'prior must be above 0, got 0.0'),
        (dict(num_keypoints=None), 'needs num_keypoints'),
    ],
)
def test_mistakes_are_refused_at_construction(ann_file, wrong, message):
    options = dict(type='ReaderCovariance', ann_file=ann_file, scale=1.0, num_keypoints=3)
    with pytest.raises(ValueError, match=message):
        KEYPOINT_CODECS.build(options | wrong)


def agreeing():
    content = coco(images=5)
    for annotation in content['annotations']:
        annotation['readers']['other'] = annotation['readers']['one']
    return content


def with_first_reader(values):
    content = coco(images=5)
    content['annotations'][0]['readers']['one'] = values
    return content


@pytest.mark.parametrize(
    'content, message',
    [
        ('{"images": [', 'expected COCO annotations with readers, got JSONDecodeError'),
        ('[]', 'expected COCO annotations with readers, got TypeError'),
        ('{"images": []}', r"got KeyError\('annotations'\)"),
        (dict(coco(images=5), annotations=[]), 'expected annotations with several readers, got 0'),
        (coco(images=5, names=('one',)), 'expected annotations with several readers, got 1'),
        (dict(coco(images=5), images=[]), r'got KeyError\(0\)'),
        (with_first_reader([1, 2, 2]), 'annotation 0: reader one: expected 3 keypoints .* got 1'),
        (with_first_reader('left'), 'annotation 0: reader one: expected 3 keypoints'),
        (with_first_reader([math.inf] * 9), 'annotation 0: reader one: expected 9 finite numbers'),
        (with_first_reader(['1'] * 9), 'annotation 0: reader one: expected 9 finite numbers'),
        (agreeing(), 'expected keypoints that several readers marked in different places, got none'),
    ],
)
def test_a_bad_file_is_named(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(
        InputError, match=f'^{path}: .*{message}' if 'annotation 0' not in message else f'^{path}: {message}'
    ):
        build(path)


def head(ann_file):
    source = dict(type='ReaderCovariance', ann_file=ann_file, relative_sigma=0.05)
    loss = dict(type='KeypointMSELoss', use_target_weight=True)
    codec = dict(type='AnisotropicHeatmap', covariance=source)
    return MODELS.build(dict(type='GaussianHeatmapHead', in_channels=8, num_keypoints=3, codec=codec, loss=loss))


def test_a_step_needs_no_value_from_the_device(ann_file, make_samples):
    with torch.device('meta'):
        on_meta = head(ann_file)
    samples = make_samples(torch.empty(2, 3, 2, device='meta'), torch.empty(2, 3, device='meta'), (96, 96))
    losses = on_meta.loss((torch.empty(2, 8, 24, 24, device='meta'),), samples)
    assert losses['loss_keypoint'].device.type == 'meta'


def test_covariances_under_autocast_are_the_same(ann_file):
    source, turn = build(ann_file, sigma=5.0), torch.tensor([[0.6, -0.8], [0.8, 0.6]])
    with torch.autocast('cpu', torch.bfloat16):
        low = covariances(source, turn)
    assert torch.equal(low, covariances(source, turn))
