"""The estimator of detectors that see a whole image and find everybody in it."""

import numpy as np
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from hybridkp.models.crop_frame import crop_frame
from hybridkp.models.estimators.keypoint_estimator import KeypointEstimator


@MODELS.register_module()
class SingleStageEstimator(KeypointEstimator):
    """Backbone, neck and head on whole images, whose predictions are mapped back to the image.

    Positions are px from the left and top border, in the input as in the image: the first pixel's centre is at 0.5.
    Boxes and keypoints are moved to the border where they lie outside of the image. The arguments are those of
    `KeypointEstimator`; its head predicts instances of any number of people.
    """

    def _predict(self, inputs: Tensor, samples: list[PoseDataSample]) -> list[PoseDataSample]:
        views = self.views(inputs)
        instances = self.head.predict(views if len(views) > 1 else views[0], samples, self.test_cfg)
        for pred, sample in zip(instances, samples, strict=True):
            sample.pred_instances = _to_image(pred, sample.metainfo)
        return samples


def _to_image(pred: InstanceData, metainfo: dict) -> InstanceData:
    """Map an instance of N people from input px to image px, as numpy arrays.

    `metainfo` has what `crop_frame` takes.
    """
    fields = {name: pred[name].detach().cpu().numpy() for name in pred.keys()}
    (scale,), (corner,) = crop_frame([metainfo])
    border = np.asarray(metainfo['ori_shape'][1::-1], dtype=float)
    fields['bboxes'] = np.clip(fields['bboxes'] * np.tile(scale, 2) + np.tile(corner, 2), 0, np.tile(border, 2))
    fields['keypoints'] = np.clip(fields['keypoints'] * scale + corner, 0, border)
    fields['keypoint_covariances'] = fields['keypoint_covariances'] * np.outer(scale, scale)
    fields['keypoints_visible'] = fields['keypoint_scores']
    mapped = InstanceData()
    for name, values in fields.items():
        mapped.set_field(values.astype(np.int64 if name == 'labels' else np.float32, copy=False), name)
    return mapped
