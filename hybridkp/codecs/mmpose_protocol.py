"""The face that a codec shows to stock mmpose: numpy, one sample at a time."""

import numpy as np
import torch


class MMPoseProtocol:
    """Speak mmpose's codec protocol (encode to a dict, decode, batch_decode) in terms of `KeypointCodec`.

    With it a codec can stand in an untouched mmpose config, for `GenerateTarget` and for a head's decoder. There,
    learned covariances keep their initial values, since targets are made in the data loader.
    """

    auxiliary_encode_keys: frozenset[str] = frozenset()
    instance_mapping_table: dict[str, str] = {}
    field_mapping_table = {'heatmaps': 'heatmaps'}
    label_mapping_table = {'keypoint_weights': 'keypoint_weights'}
    support_batch_decoding = True

    def encode_sample(self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None) -> dict:
        """Encode one person.

        Args:
            keypoints: (1, K, 2) in input px.
            keypoints_visible: (1, K), 0 for unlabelled; None means all visible.

        Returns:
            ``heatmaps`` (K, h, w) and ``keypoint_weights`` (1, K), both float32. Keypoints that are unlabelled, or
            whose Gaussian does not reach the map, have an empty map and weight 0.

        Raises:
            ValueError: if there is more than one person, or the codec was built without `input_size`.
        """
        if len(keypoints) != 1:
            raise ValueError(f'{type(self).__name__} encodes 1 person a sample, not {len(keypoints)}')
        if self.input_size is None:
            raise ValueError(f'{type(self).__name__} needs input_size=(width, height) to encode for mmpose')
        if keypoints_visible is None:
            keypoints_visible = np.ones(keypoints.shape[:2], dtype=np.float32)
        width, height = self.input_size
        with torch.no_grad():
            points = torch.as_tensor(keypoints, dtype=torch.float32)
            covariance = self.target_covariance(points, (height, width))
            heatmaps = self.encode(points, covariance, (height // self.stride, width // self.stride))[0].numpy()
        weights = keypoints_visible.astype(np.float32) * heatmaps.any(axis=(1, 2))
        heatmaps[weights[0] <= 0] = 0
        return {'heatmaps': heatmaps, 'keypoint_weights': weights}

    def decode_sample(self, heatmaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Decode heatmaps (K, h, w) to keypoints (1, K, 2) in input px and scores (1, K)."""
        keypoints, scores = self.batch_decode(torch.as_tensor(heatmaps)[None])
        return keypoints[0], scores[0]

    @torch.no_grad()
    def batch_decode(self, batch_heatmaps: torch.Tensor) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Decode heatmaps (B, K, h, w) to B keypoint arrays (1, K, 2) in input px and B score arrays (1, K)."""
        keypoints, scores, _ = self.decode(batch_heatmaps)
        return list(keypoints[:, None].cpu().numpy()), list(scores[:, None].cpu().numpy())
