"""Published checkpoints, from the names in their files to points in the image, each under its own rule."""

import json
import pickle
import zlib
from pathlib import Path

import mmpose
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from hybridkp.converters.checkpoint_file import read_checkpoint
from hybridkp.converters.checkpoint_tables import SOURCES
from hybridkp.converters.checkpoints import convert, differences
from hybridkp.ops.published_decoders import average_views

pytestmark = pytest.mark.usefixtures('mmpose_scope')
ROOT = Path(__file__).parents[1]
DATA = ROOT / 'tests/data/hrnet_w32'
IMAGES = ROOT / 'tests/data/coco'
SHIPPED = Path(mmpose.__file__).parent / '.mim/configs/body_2d_keypoint/topdown_heatmap/coco'
NAMES = json.loads((DATA / 'names.json').read_text())
PAIRS = [0, *(k + 1 if k % 2 else k - 1 for k in range(1, 17))]


def stream(name, seed):
    """The random numbers of one tensor."""
    return np.random.RandomState((zlib.crc32(name.encode()) ^ seed) & 0xFFFFFFFF)


def draw(name, shape, facts):
    """The value of one tensor, drawn from its name."""
    leaf, random = name.rsplit('.', 1)[-1], stream(name, facts['seed'])
    if leaf == 'num_batches_tracked':
        return np.zeros(shape, np.int64)
    if leaf in ('running_var', '_variance'):
        value = 1 + 0.2 * random.uniform(size=shape)
    elif leaf == 'weight' and len(shape) == 4:
        value = random.standard_normal(shape) * np.sqrt(facts['gain'] / np.prod(shape[1:]))
    else:
        value = (leaf == 'weight') + 0.1 * random.standard_normal(shape)
    return np.asarray(value, np.float32)


def facts_of(name):
    return json.loads((DATA / f'{name}_network.json').read_text())


def inputs_of(facts):
    inputs = torch.from_numpy(stream('input', facts['seed']).standard_normal(facts['input']['shape'])).float()
    assert inputs.flatten()[:4].tolist() == pytest.approx(facts['input']['first'])
    return inputs


def check_sum(state, facts):
    assert sum(float(array.sum(dtype=np.float64)) for array in state.values()) == pytest.approx(facts['weights']['sum'])


def load(config, path, source):
    """Build the model of a config with a foreign checkpoint in it."""
    model = MODELS.build(Config.fromfile(ROOT / f'configs/body/{config}.py').model).eval()
    state = convert(read_checkpoint(str(path)), SOURCES[source], path.name)
    assert not differences(state, model.state_dict())
    model.load_state_dict(state, strict=False)
    return model


def close(found, wanted, atol):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=0, atol=atol)


@torch.no_grad()
def test_heatmap_of_the_official_network(tmp_path):
    facts = facts_of('official')
    state = {name: draw(name, shape, facts) for name, _, shape in NAMES}
    check_sum(state, facts)
    tensors = {name: torch.from_numpy(array) for name, array in state.items()}
    torch.save(dict(epoch=1, state_dict={f'module.{k}': v for k, v in tensors.items()}), tmp_path / 'checkpoint.pth')
    model = load('hrnet_w32_coco_384x288_official', tmp_path / 'checkpoint.pth', 'hrnet-official')
    assert sum(parameter.numel() for parameter in model.parameters()) == facts['parameters'] == 28_536_113
    wanted = np.load(DATA / 'official_network.npz')['heatmap']
    close(model(inputs_of(facts)), wanted, facts['outputs']['heatmap']['atol'])


@torch.no_grad()
def test_network_of_paddle_up_to_the_points(tmp_path):
    facts, fixture = facts_of('paddle'), np.load(DATA / 'paddle_network.npz')
    state = {name: draw(name, shape, facts) for _, name, shape in NAMES if name}
    check_sum(state, facts)
    path = tmp_path / 'best_model.pdparams'
    path.write_bytes(pickle.dumps(state | {'StructuredToParameterName@@': {}}))
    model, inputs = load('hrnet_w32_coco_384x288_paddle', path, 'paddledetection'), inputs_of(facts)
    heatmap = model(inputs)
    close(heatmap, fixture['heatmap'], facts['outputs']['heatmap']['atol'])

    views = [heatmap, model(inputs.flip(-1))]
    close(average_views(*views, PAIRS, 1), fixture['heatmap_flip_test'], facts['outputs']['heatmap_flip_test']['atol'])
    (sample,) = model(inputs, [sample_of(fixture, inputs)], mode='predict')
    stable = fixture['keypoints_flip_test_stable'][0]
    wanted = fixture['keypoints_flip_test_dark'][0]
    assert stable.sum() > 5
    tolerance = facts['outputs']['keypoints_flip_test_dark']['atol_px']
    close(sample.pred_instances.keypoints[0][stable], wanted[stable, :2], tolerance)
    close(sample.pred_instances.keypoint_scores[0], wanted[:, 2], facts['outputs']['heatmap']['atol'])
    assert np.linalg.eigvalsh(sample.pred_instances.keypoint_covariances).min() > 0


def sample_of(fixture, inputs):
    """A sample whose input is what an affine map of a centre and a scale crops."""
    height, width = inputs.shape[-2:]
    scale = fixture['scale'][0, 0] * 200
    sample = PoseDataSample(
        metainfo=dict(
            input_size=(width, height),
            input_center=fixture['center'][0],
            input_scale=np.array([scale, scale * height / width]),
            flip_indices=PAIRS,
        )
    )
    sample.gt_instances = InstanceData(bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1))
    return sample


@pytest.fixture(scope='module')
def published(tmp_path_factory):
    """A checkpoint as mmpose 1.x writes it, of mmpose's own network."""
    import hybridkp.plugin  # noqa: F401
    from hybridkp.datasets.skeleton import skeleton_metainfo

    folder = tmp_path_factory.mktemp('published')
    config = Config.fromfile(ROOT / 'configs/body/hrnet_w32_coco_256x192.py')
    meta = dict(epoch=210, dataset_meta=skeleton_metainfo(config.skeleton.to_dict()))
    facts = dict(seed=7, gain=0.5)
    state = {}
    for name, _, shape in NAMES:
        new = SOURCES['hrnet-official'].new_name(name)
        state[new] = torch.from_numpy(draw(name, shape, facts))
    state['head.final_layer.bias'] += 3  # no map without a positive value, for which mmpose's UDP has no answer
    torch.save(dict(state_dict=state, meta=meta), folder / 'mmpose_1.pth')
    return folder / 'mmpose_1.pth'


BOXES = np.array([[120.0, 60.0, 260.0, 330.0], [10.0, 20.0, 90.0, 240.0]])


@pytest.mark.filterwarnings('ignore::UserWarning')
@pytest.mark.parametrize(
    'theirs, ours, atol',
    [
        ('td-hm_hrnet-w32_8xb64-210e_coco-256x192', 'hrnet_w32_coco_256x192_mmpose', 1e-4),
        ('td-hm_hrnet-w32_8xb64-210e_coco-384x288', 'hrnet_w32_coco_384x288_mmpose', 1e-4),
        ('td-hm_hrnet-w32_dark-8xb64-210e_coco-256x192', 'hrnet_w32_coco_256x192_mmpose-dark', 1e-4),
        ('td-hm_hrnet-w32_udp-8xb64-210e_coco-256x192', 'hrnet_w32_coco_256x192_mmpose-udp', 0.05),
    ],
)
def test_checkpoint_of_mmpose_without_conversion(theirs, ours, atol, published):
    """The same points and scores as mmpose, with the flip test, from an image and boxes to image px.

    A network that was not trained has wide peaks, where mmpose's blur in float32 is seen in UDP's second differences;
    on peaks as wide as the targets it is not, see the tests of the codec.
    """
    from mmpose.apis import inference_topdown, init_model  # imports only once the plugin mended what is installed

    image = str(sorted((IMAGES / 'val2017').glob('*.jpg'))[0])
    paths = SHIPPED / f'{theirs}.py', ROOT / f'configs/body/{ours}.py'
    models = [init_model(str(path), str(published), device='cpu') for path in paths]
    models[1].to(memory_format=torch.contiguous_format)  # as theirs, or the heatmaps' last bits differ
    wanted, found = (inference_topdown(model, image, BOXES) for model in models)
    for one, other in zip(found, wanted, strict=True):
        points, expected = one.pred_instances, other.pred_instances
        assert points.keypoint_covariances.shape == (1, 17, 2, 2)
        close(points.keypoint_scores, expected.keypoint_scores, 1e-6)
        close(points.keypoints, expected.keypoints, atol)
        assert np.median(np.abs(points.keypoints - expected.keypoints)) < 1e-4
        assert len(np.unique(np.round(expected.keypoints))) > 10
