"""What a source of target covariances may look at beside the keypoints."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class TargetContext:
    """What is known of a batch of inputs; a source that needs a part which is None refuses.

    Args:
        weights: (B, K), 0 where a keypoint is not labelled or not in the input.
        jacobians: (B, 2, 2), d(input px) / d(image px): scale, rotation and mirroring of the augmentation, by which a
            covariance S of the image becomes A S A^T.
        areas: (B,), the instances' areas in input px^2, as OKS measures them.
        images: (B, C, H, W), the preprocessed input.
    """

    weights: Tensor | None = None
    jacobians: Tensor | None = None
    areas: Tensor | None = None
    images: Tensor | None = None

    def require(self, source: str, *names: str) -> tuple[Tensor, ...]:
        """Give the named parts.

        Raises:
            ValueError: if one is missing, naming the source that asks.
        """
        missing = [name for name in names if getattr(self, name) is None]
        if missing:
            raise ValueError(f'{source} needs {", ".join(missing)}, which these samples do not have')
        return tuple(getattr(self, name) for name in names)
