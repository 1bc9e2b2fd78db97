"""tools/export_onnx.py: files that hold all, proven equal, or none."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS

from hybridkp.ops.calibration import Calibration

onnxruntime = pytest.importorskip('onnxruntime')
ROOT = Path(__file__).parents[2]
PEOPLE = ROOT / 'configs/detector/yolov7_n_pose_coco_sample_images_320x320.py'


def open_file(path):
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return session, json.loads(session.get_modelmeta().custom_metadata_map['hybridkp'])


@pytest.fixture(scope='module')
def exported(trained, call, tmp_path_factory):
    path = tmp_path_factory.mktemp('exported') / 'deep/tiny.onnx'
    call('export_onnx', trained.config, trained.checkpoint, path, '--exporter', 'trace')
    return path


def test_says_what_it_wrote(trained, call, tmp_path, capsys):
    call('export_onnx', trained.config, trained.checkpoint, tmp_path / 'a.onnx', '--exporter', 'trace', '--flip-test')
    said = capsys.readouterr().out
    assert f'{tmp_path / "a.onnx"}, ' in said and 'opset 18' in said
    assert '(B, 3, 64, 64), uint8, BGR' in said and '(B, K, 2, 2) in px^2 of the input' in said
    assert 'of 136 points in 8 images' in said and 'alone and three at a time' in said
    assert open_file(tmp_path / 'a.onnx')[1]['flip_test']


def test_the_file_knows_all(exported, trained):
    session, about = open_file(exported)
    assert about['task'] == 'crop' and about['opset'] == 18 and not about['calibrated'] and not about['flip_test']
    assert about['checkpoints'][0]['file'] == 'epoch_2.pth' and len(about['checkpoints'][0]['sha256']) == 64
    assert about['preparation'] == dict(kind='crop', padding=1.0, region=None, udp=False, smooth=False)
    assert len(about['keypoints']) == len(about['sigmas']) == 17 and about['config'] == 'tiny.py'
    assert [output.name for output in session.get_outputs()] == list(about['outputs'])
    assert session.get_inputs()[0].type == 'tensor(uint8)'


def test_finds_what_a_test_finds(exported, trained, call, tmp_path):
    options = ('--cfg-options', 'model.test_cfg.flip_test=False')
    call('test', trained.config, trained.checkpoint, '--work-dir', tmp_path, '--out', tmp_path / 'r.json', *options)
    session, _ = open_file(exported)
    coco = json.loads((ROOT / 'tests/data/mirror_mouse/val.json').read_text())
    files = {image['id']: image['file_name'] for image in coco['images']}
    entries = json.loads((tmp_path / 'r.json').read_text())
    images, scales = [], []
    for entry in entries:
        image = cv2.imread(str(ROOT / 'tests/data/mirror_mouse' / files[entry['image_id']]))
        height, width = np.array(image.shape[:2]) - 1  # boxes end at the last pixel
        side = max(width, height)
        zoom = 64 / side
        matrix = np.array([[zoom, 0, 32 - width / 2 * zoom], [0, zoom, 32 - height / 2 * zoom]])
        images.append(cv2.warpAffine(image, matrix, (64, 64)).transpose(2, 0, 1))
        scales.append((side / 64, np.array([width - side, height - side]) / 2))
    for batch in (1, 3):
        found = np.concatenate(
            [session.run(['keypoints'], {'images': np.stack(images[i : i + batch])})[0] for i in range(0, 9, batch)]
        )
        for points, entry, (scale, corner) in zip(found, entries, scales, strict=True):
            expected = np.array(entry['keypoints']).reshape(-1, 3)[:, :2]
            assert np.median(np.abs(points * scale + corner - expected)) < 0.02


def test_calibrated_checkpoints_and_ensembles(exported, trained, call, tmp_path):
    content = torch.load(trained.checkpoint, weights_only=False)
    wider = Calibration.identity(17)._replace(log_scale=torch.full((17,), np.log(9.0)))
    content['state_dict'] |= {f'head.calibration.{name}': value for name, value in wider._asdict().items()}
    torch.save(content, tmp_path / 'calibrated.pth')
    trace = ('--exporter', 'trace')
    call('export_onnx', trained.config, tmp_path / 'calibrated.pth', tmp_path / 'a.onnx', *trace)
    call('export_onnx', trained.config, *[tmp_path / 'calibrated.pth'] * 2, tmp_path / 'b.onnx', *trace)
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 64, 64), dtype=np.uint8)
    plain, wide, both = (open_file(path) for path in (exported, tmp_path / 'a.onnx', tmp_path / 'b.onnx'))
    assert wide[1]['calibrated'] and both[1]['calibrated'] and len(both[1]['checkpoints']) == 2
    runs = [session.run(['keypoints', 'covariances'], {'images': images}) for session, _ in (plain, wide, both)]
    np.testing.assert_allclose(runs[1][0], runs[0][0], atol=1e-3)
    np.testing.assert_allclose(runs[1][1], 9 * runs[0][1], rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(runs[2][1], runs[1][1], rtol=1e-2, atol=1e-2)


def test_people(call, tmp_path, capsys):
    torch.manual_seed(0)
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope('mmpose'):
        torch.save(dict(state_dict=MODELS.build(Config.fromfile(PEOPLE).model).state_dict()), tmp_path / 'people.pth')
    options = ('--exporter', 'trace', '--input-size', 128, 192, '--cfg-options', 'model.test_cfg.max_people=7')
    for name, more in (('rows', ()), ('people', ('--nms',))):
        call('export_onnx', PEOPLE, tmp_path / 'people.pth', tmp_path / f'{name}.onnx', *more, *options)
    assert '(B, 3, 192, 128), uint8, BGR' in capsys.readouterr().out
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 192, 128), dtype=np.uint8)
    (rows, about), (people, about_people) = (open_file(tmp_path / f'{name}.onnx') for name in ('rows', 'people'))
    assert not about['suppression']['inside'] and about_people['suppression']['inside']
    count = 3 * sum((192 // stride) * (128 // stride) for stride in (8, 16, 32, 64))
    for batch in (1, 3):
        found = {
            name: session.run(None, {'images': images[:batch]}) for name, session in dict(r=rows, p=people).items()
        }
        assert [values.shape[:2] for values in found['r']] == [(batch, count)] * 6
        assert [values.shape[:2] for values in found['p']] == [(batch, 7)] * 6
        assert (np.diff(found['p'][1], axis=1) <= 0).all() and (found['p'][1] > 0).all()
        np.testing.assert_allclose(found['p'][1][:, 0], found['r'][1].max(axis=1))


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['{config}', 'none.pth', 'a.onnx'], 'none.pth does not exist'),
        (['{people}', '{checkpoint}', 'a.onnx'], 'is of another model'),
        (['{config}', '{checkpoint}', 'a.pt'], 'a.pt: expected a name that ends in .onnx'),
        (['{config}', '{checkpoint}', 'a.onnx', '--nms'], '--nms is for single-stage networks'),
        (['{config}', '{checkpoint}', 'a.onnx', '--input-size', '0', '64'], '--input-size: expected positive numbers'),
        (['{config}', '{checkpoint}', 'a.onnx', '--images', 'nowhere'], 'nowhere'),
        (['{config}', '{checkpoint}', 'a.onnx', '--exporter', 'trace', '--max-shift', '1e-9'], 'more than 1e-09'),
    ],
)
def test_mistakes_leave_no_file(arguments, said, trained, call, tmp_path, monkeypatch):
    names = dict(config=trained.config, checkpoint=trained.checkpoint, people=PEOPLE)
    arguments = [argument.format(**names) for argument in arguments]
    arguments[2] = str(tmp_path / arguments[2])
    with pytest.raises(SystemExit) as stop:
        call('export_onnx', *arguments)
    assert str(stop.value).startswith('error: ') and said in str(stop.value)
    assert not list(tmp_path.iterdir())


def test_says_what_to_install(trained, call, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxscript', None)
    with pytest.raises(SystemExit, match=r'onnxscript, which is not installed: pip install -e \.\[deploy\]'):
        call('export_onnx', trained.config, trained.checkpoint, tmp_path / 'a.onnx')
