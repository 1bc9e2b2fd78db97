"""Pairs of views of images, made on the fly."""

from mmpose.registry import DATASETS

from hybridkp.datasets.image_folder import ImageFolder


@DATASETS.register_module()
class HomographyPairs(ImageFolder):
    """Two views of every image below a folder: sample 2 i is image i, sample 2 i + 1 is what `ChangeView` makes of it.

    The order, the images and the views follow from the seed. Samples have ``pair`` and ``view``, 0 or 1, and
    ``view_seed``, which the transform takes. Arguments are those of `ImageFolder`.
    """

    def __init__(
        self,
        data_root: str = '',
        folder: str = '',
        part: tuple[float, float] = (0.0, 1.0),
        limit: int | None = None,
        seed: int = 0,
        min_side: int = 32,
        test_mode: bool = True,
        pipeline: tuple | list = (),
    ) -> None:
        super().__init__(data_root, folder, part, limit, seed, min_side, test_mode, pipeline)
        self.seed = seed

    def __len__(self) -> int:
        return 2 * len(self.order)

    def get_data_info(self, index: int) -> dict:
        """Give one view before the transforms."""
        pair, view = divmod(index, 2)
        seed = self.seed * 1_000_003 + pair
        return super().get_data_info(pair) | dict(id=index, pair=pair, view=view, view_seed=seed)
