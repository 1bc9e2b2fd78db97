"""The second view of a pair."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS

from hybridkp.ops.homography import random_homographies, warp_images
from hybridkp.ops.photometric import change_photometry


@TRANSFORMS.register_module()
class ChangeView(BaseTransform):
    """Draw ``img`` as another camera would see it, if it is the second view of a pair; the first one stays.

    What is drawn follows from ``view_seed`` alone, so that both views of a pair know the same homography, on every
    machine and however often they are read. What the first view does not show is filled by its mirror image.

    Args:
        corners: see `ops.homography.random_homographies`.
        rotation: see there.
        zoom: see there.
        photometry: strength of the other light, blur and noise, see `ops.photometric.change_photometry`; 0 for a
            change of the viewpoint alone.
    """

    def __init__(
        self, corners: float = 0.15, rotation: float = 25.0, zoom: float = 1.25, photometry: float = 1.0
    ) -> None:
        self.settings, self.photometry = dict(corners=corners, rotation=rotation, zoom=zoom), photometry

    def transform(self, results: dict) -> dict:
        """Add ``homography`` (3, 3), from the first view to the second, and ``view_sizes``, both views' (h, w)."""
        generator = torch.Generator().manual_seed(results['view_seed'])
        size = results['img'].shape[:2]
        homography = random_homographies(1, size, generator=generator, **self.settings)
        results = dict(results, homography=homography[0].double().numpy(), view_sizes=(size, size))
        if results['view'] == 1:
            image = torch.from_numpy(np.ascontiguousarray(results['img'])).permute(2, 0, 1)[None].float() / 255
            image = warp_images(image, homography)
            if self.photometry:
                image = change_photometry(image, self.photometry, generator)
            results['img'] = (255 * image[0].permute(1, 2, 0)).round().byte().numpy()
        return results

    def __repr__(self) -> str:
        settings = ', '.join(f'{name}={value}' for name, value in self.settings.items())
        return f'ChangeView({settings}, photometry={self.photometry})'
