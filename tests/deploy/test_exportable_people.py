"""Single-stage estimators as one module: rows that lead to the same people."""

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from hybridkp.deploy import exportable_people
from hybridkp.deploy.exportable_people import ExportablePeople
from hybridkp.ops.suppression import suppress

CONFIG = 'configs/detector/yolov7_n_pose_coco_sample_images_320x320'
MIRRORED = [0, 2, 1, *range(3, 17)]


@pytest.mark.parametrize(('kind', 'flip_test'), [('', False), ('_likelihood', True)])
def test_rows_lead_to_the_people_of_the_estimator(kind, flip_test, mmpose_scope, generator, monkeypatch):
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(f'{CONFIG}{kind}.py').model).eval()
    model.test_cfg = dict(model.test_cfg, flip_test=flip_test, max_people=20, score_threshold=0.004)
    module = ExportablePeople(model, MIRRORED if flip_test else None).eval()
    assert module.settings == dict(score_threshold=0.004, iou_threshold=0.65, max_people=20)
    images = torch.randint(0, 256, (2, 3, 64, 128), generator=generator, dtype=torch.uint8)
    about = dict(input_size=(128, 64), input_center=(64, 32), input_scale=(128, 64), ori_shape=(64, 128))
    samples = [PoseDataSample(metainfo=dict(about, flip_indices=MIRRORED)) for _ in images]
    with torch.no_grad():
        found = dict(zip(module.names, module(images), strict=True))
        expected = model.test_step(dict(inputs=list(images), data_samples=samples))
    scores, order = found['scores'].sort(dim=1, descending=True, stable=True)
    boxes = found['boxes'].take_along_dim(order[..., None], dim=1)
    keep = suppress(boxes, found['labels'].take_along_dim(order, dim=1), scores > 0, 0.65, 20)
    border = torch.tensor([128.0, 64.0])
    for index, sample in enumerate(expected):
        kept, pred = order[index][keep[index]], sample.pred_instances
        assert len(kept) == len(pred.bbox_scores) == 20
        assert torch.equal(found['scores'][index][kept], torch.from_numpy(pred.bbox_scores))
        inside = found['boxes'][index][kept].clamp(min=0).minimum(border.repeat(2))
        torch.testing.assert_close(inside, torch.from_numpy(pred.bboxes), rtol=1e-4, atol=1e-4)
        points = found['keypoints'][index][kept].clamp(min=0).minimum(border)
        torch.testing.assert_close(points, torch.from_numpy(pred.keypoints), rtol=1e-4, atol=1e-4)
        covariances = found['covariances'][index][kept]
        torch.testing.assert_close(covariances, torch.from_numpy(pred.keypoint_covariances), rtol=1e-4, atol=1e-3)
    monkeypatch.setattr(exportable_people, 'CANDIDATES', 7)
    with torch.no_grad():
        left = (module(images)[1] > 0).sum(dim=1)
    assert (left >= 7).all() and (left < (found['scores'] > 0).sum(dim=1)).all()  # equal ones stay
