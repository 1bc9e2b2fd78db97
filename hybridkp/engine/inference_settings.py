"""How a trained network is run at prediction: precision, memory layout, compilation."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from hybridkp.errors import InputError

Features = Tensor | tuple[Tensor, ...]
_HALVED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
"""What autocast runs in half precision whatever its weights are; these are kept in it instead of cast each time."""


@dataclass(frozen=True)
class InferenceSettings:
    """Run a network faster at prediction, on any device, and decode its maps as before.

    Only backbone and neck are run differently. The head, whose work is small, and decoding remain in float32: maps in
    bfloat16 have 8 bits, so that many cells around a peak would be equal. A compiled network sees batches of few
    sizes, because smaller ones are filled up: it is compiled once, not once more for the last batch.

    Args:
        dtype: the type of numbers of backbone and neck; the half types are torch's autocast.
        channels_last: lay weights and images out with the channels last.
        compile: let torch's compiler make one program of backbone and neck, with constants folded.

    Raises:
        ValueError: if there is no such type.
    """

    dtypes: ClassVar[dict[str, str]] = {'bf16': 'bfloat16', 'fp16': 'float16'}
    """The half types by their short names."""

    dtype: str = 'float32'
    channels_last: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        known = ('float32', *self.dtypes.values())
        if self.dtype not in known:
            raise ValueError(f'dtype is one of {", ".join(known)}, not {self.dtype!r}')

    def __str__(self) -> str:
        """Name the options that differ from the defaults, as tools call them."""
        short = [f'--amp {name}' for name, dtype in self.dtypes.items() if dtype == self.dtype]
        layout = ['--channels-last'] * self.channels_last
        return ' '.join([*short, *layout, *['--compile'] * self.compile])

    def as_dict(self) -> dict[str, str | bool]:
        """Give the settings as a dict that JSON can hold, for the protocol of a result."""
        return asdict(self)

    def apply(self, model: nn.Module, batch_size: int = 1) -> None:
        """Have an estimator, or each in an ensemble or a wrapper, run under these settings, for good.

        Its parameters change their layout and their type: what is to be saved has to be copied before.

        Args:
            model: what has an ``extract_feat`` of images (B, C, H, W), ours or mmpose's.
            batch_size: how many images a batch has; the compiled network takes as many.

        Raises:
            InputError: if the model has no such part; when it predicts, if it cannot be compiled.
        """
        estimators = [module for module in model.modules() if hasattr(module, 'extract_feat')]
        if not estimators:
            raise InputError(f'expected a model with an extract_feat to run under {self}, got {type(model).__name__}')
        for estimator in estimators:
            if self.channels_last:
                estimator.to(memory_format=torch.channels_last)
            if self.dtype != 'float32':
                _halve([estimator.backbone, getattr(estimator, 'neck', None)], getattr(torch, self.dtype))
            if self != InferenceSettings():
                estimator.extract_feat = _Network(estimator.extract_feat, self, batch_size)


class _Network:
    """Backbone and neck of an estimator under settings, with features in float32.

    Args:
        extract: maps images (B, C, H, W) to features.
        settings: the settings.
        batch_size: the usual B.
    """

    def __init__(self, extract: Callable[[Tensor], Features], settings: InferenceSettings, batch_size: int):
        self.extract, self.settings = extract, settings
        if settings.compile:
            self.extract = torch.compile(extract, dynamic=False, options={'freezing': True})
        self.batch_size, self.compiled_sizes = batch_size, set()

    def __call__(self, images: Tensor) -> Features:
        """Map images (B, C, H, W) to features."""
        count, device, dtype = len(images), images.device.type, getattr(torch, self.settings.dtype)
        if self.settings.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        if self.settings.compile:
            images = self._filled(images)
        with torch.no_grad(), torch.autocast(device, dtype, enabled=dtype != torch.float32):
            feats = self._extracted(images)
        if torch.is_tensor(feats):
            return feats[:count].float()
        return tuple(feat[:count].float() for feat in feats)

    def _extracted(self, images: Tensor) -> Features:
        try:
            return self.extract(images)
        except Exception as error:
            if self.settings.compile and type(error).__module__.startswith(('torch._dynamo', 'torch._inductor')):
                raise InputError(f'--compile does not work here: {str(error).strip().splitlines()[0]}') from error
            raise

    def _filled(self, images: Tensor) -> Tensor:
        """Fill a batch up with empty images to a size that is compiled already, or else to one that will do often."""
        large_enough = [size for size in self.compiled_sizes if size >= len(images)]
        usual = (size for size in (self.batch_size, 2 * self.batch_size) if size >= len(images))
        size = min(large_enough, default=next(usual, len(images)))
        self.compiled_sizes.add(size)
        missing = size - len(images)
        return torch.cat((images, images.new_zeros(missing, *images.shape[1:]))) if missing else images


def _halve(modules: list[nn.Module | None], dtype: torch.dtype) -> None:
    """Round the weights of layers that autocast runs in half precision, which it would do each time."""
    for module in filter(None, modules):
        for layer in module.modules():
            if type(layer) in _HALVED:
                layer.to(dtype)
