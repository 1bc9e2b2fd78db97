"""Exporting by Python: what is refused before anything is written."""

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS

from hybridkp.deploy import onnx_export
from hybridkp.deploy.exportable_keypoints import ExportableKeypoints
from hybridkp.deploy.exportable_people import ExportablePeople
from hybridkp.deploy.exportable_points import ExportablePoints
from hybridkp.deploy.onnx_export import OnnxExport
from hybridkp.errors import InputError

pytest.importorskip('onnxruntime')
MOUSE = 'configs/animal/hybridnet_s_mirror_mouse_256x256.py'
PEOPLE = 'configs/detector/yolov7_n_pose_coco_sample_images_320x320.py'
POINTS = 'configs/points/hybridnet_s_pictures_224.py'


@pytest.mark.parametrize(
    ('path', 'kind', 'flips'),
    [(MOUSE, ExportableKeypoints, True), (PEOPLE, ExportablePeople, True), (POINTS, ExportablePoints, False)],
)
def test_each_kind_of_model_has_its_part(path, kind, flips, mmpose_scope):
    cfg = Config.fromfile(path)
    model = MODELS.build(cfg.model)
    part = OnnxExport().exportable(cfg, model)
    assert type(part) is kind and not part.training and getattr(part, 'flip_indices', None) is None
    if flips:
        part = OnnxExport(flip_test=True).exportable(cfg, model)
        assert sorted(part.flip_indices) == list(range(17)) and model.test_cfg['flip_test']
    else:
        with pytest.raises(InputError, match='InterestPointEstimator with --flip-test'):
            OnnxExport(flip_test=True).exportable(cfg, model)
    if kind is not ExportablePeople:
        with pytest.raises(InputError, match=f'--nms is for single-stage networks, and .* has a {cfg.model.type}'):
            OnnxExport(suppresses=True).exportable(cfg, model)


def test_other_models_are_refused(mmpose_scope):
    cfg = Config.fromfile(MOUSE)
    cfg.model.type = 'TopdownPoseEstimator'
    with pytest.raises(
        InputError, match='expected one of KeypointEstimator, SingleStageEstimator to export, got TopdownPose'
    ):
        OnnxExport().exportable(cfg, None)


def test_a_wrong_graph_is_not_written(tmp_path, monkeypatch, mmpose_scope):
    cfg, checkpoint, out = Config.fromfile(MOUSE), tmp_path / 'a.pth', tmp_path / 'a.onnx'
    cfg.test_dataloader.dataset.pipeline[2].input_size = (64, 64)
    torch.manual_seed(3)  # of random networks some have hardly any peaks, and rounding chooses
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), checkpoint)
    make, out_before = onnx_export.make_graph, b'of before'
    out.write_bytes(out_before)

    def turned(module, *arguments):
        """Make a graph of a network whose last layer differs."""
        weight = module.head.final_layer.weight
        with torch.no_grad():
            weight.neg_()
            graph = make(module, *arguments)
            weight.neg_()
        return graph

    export = OnnxExport(programs=False)
    monkeypatch.setattr(onnx_export, 'make_graph', turned)
    with pytest.raises(InputError, match='onnxruntime and torch differ by'):
        export.write(cfg, [str(checkpoint)], str(out))
    assert out.read_bytes() == out_before and len(list(tmp_path.iterdir())) == 2
    with pytest.raises(InputError, match='--max-shift is a distance'):
        OnnxExport(max_shift=float('nan')).write(cfg, [str(checkpoint)], str(out))
    monkeypatch.setattr(onnx_export, 'make_graph', make)
    parity, about = export.write(cfg, [str(checkpoint)], str(out))
    assert parity.shift[0] < 0.01 and about['bytes'] == out.stat().st_size > 1e6
