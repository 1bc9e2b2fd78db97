import copy
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import mmpose
import numpy as np
import pytest
import torch
from mmengine.config import Config

import hybridkp
from hybridkp.errors import InputError
from hybridkp.evaluation.protocol import (
    SEPARATING,
    annotation_file,
    build_protocol,
    described,
    differences,
    file_hash,
    read_protocol,
)

ROOT = Path(__file__).parents[2]
META = dict(
    dataset_name='face',
    keypoint_id2name={0: 'nose', 1: 'left', 2: 'right'},
    flip_indices=[0, 2, 1],
    sigmas=np.array([0.026, 0.1, 0.1], dtype=np.float32),
    boxes='ground truth',
)


class Dataset(SimpleNamespace):
    def __len__(self):
        return 5


@pytest.fixture
def files(tmp_path):
    """An annotation file of three images, a checkpoint and a detector's boxes."""
    (tmp_path / 'people.json').write_text(json.dumps(dict(images=[dict(id=i) for i in (30, 4, 7)], annotations=[])))
    (tmp_path / 'best.pth').write_bytes(b'weights')
    (tmp_path / 'boxes.json').write_text('[]')
    return tmp_path


@pytest.fixture
def build(files):
    """Build the protocol of a config with changes of the model, of a data set with changes, and of metrics."""

    def run(model=None, dataset=None, metrics=(), checkpoints=('best.pth',), network=None, inference=None):
        cfg = Config.fromfile(ROOT / 'configs/body/hybridnet_s_coco_sample_256x192.py')
        if model is not None:
            cfg.model = model
        given = Dataset(metainfo=META, ann_file=str(files / 'people.json'), bbox_file=None, bbox_score_thr=0.0)
        given.__dict__.update(dataset or {})
        network = network or torch.nn.Identity()
        return build_protocol(cfg, given, metrics, [str(files / name) for name in checkpoints], network, inference)

    return run


@pytest.fixture
def protocol(build):
    """A whole protocol, as JSON gives it back."""
    coco = SimpleNamespace(ann_file='x', score_mode='bbox_keypoint', nms_threshold=0.9, max_detections=20, sigmas=None)
    return json.loads(json.dumps(build(metrics=[coco])))


def test_what_is_said(build, files):
    coco = SimpleNamespace(ann_file='x', score_mode='bbox', nms_threshold=0.9, max_detections=30, sigmas=None)
    found = build(metrics=[SimpleNamespace(), coco], inference=dict(dtype='bf16', channels_last=True))
    assert json.loads(json.dumps(found)) == found
    assert (found['boxes'], found['boxes_sha256'], found['boxes_min_score']) == ('ground truth', None, None)
    assert found['flip_test'] is True and found['scales'] == [1] and found['input_size'] == [192, 256]
    assert found['codec']['type'] == 'AnisotropicHeatmap' and found['codec']['covariance']['relative_sigma'] == 0.036
    assert found['skeleton'] == dict(name='face', keypoints=['nose', 'left', 'right'], flip_indices=[0, 2, 1])
    assert found['sigmas'] == [0.026, 0.1, 0.1]  # and not the 0.0260000005 of 32 bits
    assert found['annotations_sha256'] == hashlib.sha256((files / 'people.json').read_bytes()).hexdigest()
    assert found['images'] == 3 and found['images_sha256'] == hashlib.sha256(b'[4, 7, 30]').hexdigest()
    assert found['instances'] == 5 and found['calibration'] is False
    assert found['checkpoints'] == [dict(file='best.pth', sha256=hashlib.sha256(b'weights').hexdigest())]
    assert found['config'] == 'hybridnet_s_coco_sample_256x192.py'
    assert (found['score_mode'], found['nms_threshold'], found['max_detections']) == ('bbox', 0.9, 30)
    assert found['inference'] == dict(dtype='bf16', channels_last=True)
    assert found['versions']['hybridkp'] == hybridkp.__version__ and found['versions']['mmpose'] == mmpose.__version__
    assert set(found['versions']) == {'hybridkp', 'torch', 'mmengine', 'mmcv', 'mmpose'}


def test_boxes_of_a_detector(build, files):
    path = str(files / 'boxes.json')
    found = build(dataset=dict(metainfo=dict(META, boxes=path), bbox_score_thr=0.3))
    assert (found['boxes'], found['boxes_min_score']) == (path, 0.3)
    assert found['boxes_sha256'] == hashlib.sha256(b'[]').hexdigest()


def test_data_sets_of_mmpose_name_their_boxes_otherwise(build, files):
    meta = {key: value for key, value in META.items() if key != 'boxes'}
    assert build(dataset=dict(metainfo=meta))['boxes'] == 'ground truth'
    assert build(dataset=dict(metainfo=meta, bbox_file=str(files / 'boxes.json')))['boxes_sha256']


def test_metric_of_mmpose(build):
    coco = SimpleNamespace(ann_file='x', score_mode='bbox_keypoint', nms_mode='oks_nms', nms_thr=0.8)
    found = build(metrics=[coco])
    assert (found['nms_threshold'], found['max_detections']) == (0.8, 20)
    coco.nms_mode = 'none'
    assert build(metrics=[coco])['nms_threshold'] is None


def test_sigmas_of_the_metric_go_first(build):
    coco = SimpleNamespace(
        ann_file='x', score_mode='bbox', nms_threshold=None, max_detections=20, sigmas=[1, 0.5, 0.25]
    )
    assert build(metrics=[coco])['sigmas'] == [1, 0.5, 0.25]


def test_without_a_metric_and_without_files_it_is_not_said(build):
    found = build(dataset=dict(ann_file='not_there.json'), checkpoints=('not_there.pth',))
    for key in ('score_mode', 'nms_threshold', 'max_detections', 'annotations_sha256', 'images', 'images_sha256'):
        assert found[key] is None
    assert found['checkpoints'] == [dict(file='not_there.pth', sha256=None)]


def test_ensembles_and_models_of_mmpose(build):
    member = dict(head=dict(codec=dict(type='PublishedHeatmap', rule='paddle')), test_cfg=dict(flip_test=True))
    ensemble = dict(type='KeypointEnsemble', members=[member, member])
    found = build(model=ensemble, checkpoints=('best.pth', 'best.pth'))
    assert found['codec']['rule'] == 'paddle' and found['flip_test'] and len(found['checkpoints']) == 2
    stock = dict(type='TopdownPoseEstimator', head=dict(decoder=dict(type='UDPHeatmap', input_size=(192, 256))))
    found = build(model=stock)
    assert found['codec'] == dict(type='UDPHeatmap', input_size=[192, 256]) and found['flip_test'] is False


def test_a_second_network_says_how_near_it_looks(build, protocol):
    assert protocol['search_radius'] is None
    member = dict(head={}, test_cfg=dict(search_radius=0.055))
    second = build(model=dict(type='KeypointEnsemble', members=[member, member]))
    assert second['search_radius'] == 0.055
    _, compared = differences(protocol, second)
    assert ('search_radius', 'none', '0.055') in compared


def test_several_looks_at_an_instance_are_said_and_counted_as_one(build, protocol):
    assert protocol['groups'] is None and protocol['instances'] == 5
    assert build(dataset=dict(groups=[['nose'], ['left', 'right']]))['instances'] == 2
    cfg = Config.fromfile(ROOT / 'configs/landmark/unet_isbi2015_320x256_closeups.py')
    looks = build_protocol(cfg, Dataset(metainfo=META, groups=[['nose']]), (), [], torch.nn.Identity())
    assert looks['groups'][0] == ['S', 'Po', 'Ar', 'Go', 'PNS'] and looks['instances'] == 5
    _, compared = differences(protocol, looks)
    assert ('groups', 'none', 'S Po Ar Go PNS N Or ANS A Sn UI LI UL LL B Pog Gn Me SPog') in compared


def test_calibration_of_a_head_and_of_an_ensemble(build):
    for names in (('head', 'calibration'), ('calibration',), ('module', 'head', 'calibration')):
        network = SimpleNamespace(calibrated=True)
        for name in reversed(names):
            network = SimpleNamespace(**{name: network})
        assert build(network=network)['calibration'] is True


def test_the_same_is_alike(protocol):
    assert differences(protocol, copy.deepcopy(protocol)) == ([], [])


def test_files_that_moved_are_alike(protocol):
    moved = protocol | dict(annotations='elsewhere.json')
    moved['checkpoints'] = [dict(protocol['checkpoints'][0], file='other.pth')]
    assert differences(protocol, moved) == ([], [])


@pytest.mark.parametrize(
    'changes, key, texts',
    [
        (dict(boxes='detector.json'), 'boxes', ('ground truth', 'detector.json')),
        (dict(boxes_min_score=0.2), 'boxes_min_score', ('not said', '0.2')),
        (dict(images=2, images_sha256='ab' * 32), 'images', (None, '2 (sha256 abababababab)')),
        (dict(instances=4), 'instances', ('5', '4')),
        (dict(annotations_sha256='cd' * 32), 'annotations', (None, None)),
        (dict(sigmas=[0.026, 0.2, 0.1]), 'sigmas', ('left 0.1', 'left 0.2')),
        (dict(flip_test=False), 'flip_test', ('yes', 'no')),
        (dict(score_mode='bbox'), 'score_mode', ('bbox_keypoint', 'bbox')),
        (dict(nms_threshold=None), 'nms_threshold', ('0.9', 'none')),
        (dict(max_detections=30), 'max_detections', ('20', '30')),
        (dict(inference=dict(dtype='bf16')), 'inference', ('dtype not said', 'dtype bf16')),
        (
            dict(skeleton=dict(name='paw', keypoints=['nose', 'left', 'right'], flip_indices=[0, 2, 1])),
            'skeleton',
            ('name face', 'name paw'),
        ),
    ],
)
def test_what_makes_numbers_incomparable(protocol, changes, key, texts):
    (found,), compared = differences(protocol, protocol | changes)
    assert compared == [] and found[0] == key in SEPARATING
    assert (
        all(text is None or text == said for text, said in zip(texts, found[1:], strict=True)) and found[1] != found[2]
    )


@pytest.mark.parametrize(
    'changes, key, texts',
    [
        (dict(config='a.py'), 'config', ('hybridnet_s_coco_sample_256x192.py', 'a.py')),
        (dict(checkpoints=[dict(file='a.pth', sha256=None)]), 'checkpoints', (None, 'a.pth')),
        (dict(input_size=[288, 384]), 'input_size', ('192 256', '288 384')),
        (dict(calibration=True), 'calibration', ('no', 'yes')),
    ],
)
def test_what_is_compared(protocol, changes, key, texts):
    separating, (found,) = differences(protocol, protocol | changes)
    assert separating == [] and found[0] == key
    assert all(text is None or text == said for text, said in zip(texts, found[1:], strict=True))


def test_only_the_parts_that_differ_are_said(protocol):
    newer = copy.deepcopy(protocol)
    newer['versions']['torch'] = '9.9'
    newer['codec']['stride'] = 2
    _, found = differences(protocol, newer)
    texts = {key: both for key, *both in found}
    assert texts['versions'] == [f'torch {protocol["versions"]["torch"]}', 'torch 9.9']
    assert texts['codec'] == ['stride not said', 'stride 2']


def test_an_empty_protocol_differs_in_everything_that_is_said(protocol):
    separating, compared = differences(protocol, {})
    assert {'boxes', 'images', 'annotations', 'flip_test'} <= {key for key, *_ in separating}
    assert all(second and first != second for _, first, second in separating + compared)


def test_described_for_people(protocol):
    rows = dict(described(protocol))
    assert rows['boxes'] == 'ground truth' and rows['flip test'] == 'yes' and rows['skeleton'] == 'face, 3 keypoints'
    assert rows['images'].startswith('3 (sha256 ') and rows['checkpoint'].startswith('best.pth (sha256 ')
    assert rows['OKS sigmas'] == 'nose 0.026, left 0.1, right 0.1' and rows['inference'] == 'not said'
    assert all(isinstance(text, str) and text for text in dict(described({})).values())


def test_annotations_are_taken_only_if_they_are_the_same(protocol, files):
    assert annotation_file(protocol) == str(files / 'people.json')
    assert annotation_file(None) is annotation_file({}) is annotation_file(dict(annotations='x.json')) is None
    (files / 'people.json').write_text('{}')
    assert annotation_file(protocol) is None
    (files / 'people.json').unlink()
    assert annotation_file(protocol) is None


def test_a_protocol_is_read_back(protocol, tmp_path):
    (tmp_path / 'r.json').write_text(json.dumps([dict(image_id=1, protocol=protocol), dict(image_id=2)]))
    assert read_protocol(tmp_path / 'r.json') == protocol
    for text in ('[]', '[{"image_id": 1}]', '[{"protocol": 3}]'):
        (tmp_path / 'r.json').write_text(text)
        assert read_protocol(tmp_path / 'r.json') is None
    (tmp_path / 'r.json').write_text('{')
    with pytest.raises(InputError, match=r'r\.json: expected JSON'):
        read_protocol(tmp_path / 'r.json')


def test_hash_of_a_large_file(tmp_path):
    content = bytes(range(256)) * 10000
    (tmp_path / 'a').write_bytes(content)
    assert file_hash(tmp_path / 'a') == hashlib.sha256(content).hexdigest()
