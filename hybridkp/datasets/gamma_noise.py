"""Random contrast and noise."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class GammaNoise(BaseTransform):
    """Bend an image's grey values by a random exponent and add Gaussian noise of a random strength.

    For grey and colour images, uint8. mmpose's ``PhotometricDistortion`` needs three channels.

    Args:
        gamma: the exponent's logarithm is uniform between -gamma and gamma.
        noise: the noise's standard deviation is uniform between 0 and this, as a fraction of 255.

    Raises:
        ValueError: if one of them is negative.
    """

    def __init__(self, gamma: float = 0.4, noise: float = 0.05) -> None:
        if gamma < 0 or noise < 0:
            raise ValueError(f'GammaNoise: expected gamma and noise of at least 0, got {gamma} and {noise}')
        self.gamma, self.noise = gamma, noise

    def transform(self, results: dict) -> dict:
        """Change a sample's image."""
        exponent = np.exp(np.random.uniform(-self.gamma, self.gamma))
        table = 255 * (np.arange(256) / 255) ** exponent
        image = cv2.LUT(results['img'], table.astype(np.float32))
        noise = np.empty(image.shape, np.float32)
        cv2.setRNGSeed(np.random.randint(2**31 - 1))
        cv2.randn(noise, 0, 255 * np.random.uniform(0, self.noise))
        results['img'] = np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
        return results

    def __repr__(self) -> str:
        return f'GammaNoise(gamma={self.gamma}, noise={self.noise})'
