"""The names of published checkpoints and what they are called in mmpose 1.x, as tables.

See `CheckpointSource` for what a row is.
"""

from torch import Tensor

from hybridkp.converters.checkpoint_source import CheckpointSource
from hybridkp.converters.yolov7_table import YOLOV7_POSE


def add_class_position(positions: Tensor) -> Tensor:
    """Turn ViTPose's positions (1, 1 + N, C), whose first one is added to all others, into (1, N, C)."""
    return positions[:, 1:] + positions[:, :1]


_HRNET = ('w32_coco_384x288', 'w32_coco_256x192')
"""The sizes differ in nothing that a checkpoint shows."""

_OFFICIAL = (
    (r'(?P<rest>(conv|bn|layer|transition|stage)\d\..+)', 'backbone.{rest}'),
    (r'final_layer\.(?P<leaf>weight|bias)', 'head.final_layer.{leaf}'),
)

_BRANCH = r'st(?P<s>\d)\.stage_st(?P=s)_(?P<M>\d+)\.branches_func\.bb_st(?P=s)_(?P=M)_branch_layer_(?P<B>\d)_(?P<N>\d)'
_FUSE = r'st(?P<s>\d)\.stage_st(?P=s)_(?P<M>\d+)\.fuse_func\.residual_st(?P=s)_(?P=M)_layer_(?P<I>\d)_(?P<J>\d)'
_PADDLE_UNITS = (
    (r'conv_layer1_(?P<c>\d)', 'conv{c}', 'bn{c}'),
    (r'la1\.block_layer2_(?P<N>\d)\.conv(?P<c>\d)', 'layer1.{N}.conv{c}', 'layer1.{N}.bn{c}'),
    (r'la1\.block_layer2_1\.conv_down', 'layer1.0.downsample.0', 'layer1.0.downsample.1'),
    (r'tr1\.transition_tr1_layer_1', 'transition1.0.0', 'transition1.0.1'),
    (r'tr(?P<s>\d)\.transition_tr(?P=s)_layer_(?P<B>\d)', 'transition{s}.{B}.0.0', 'transition{s}.{B}.0.1'),
    (_BRANCH + r'\.conv(?P<c>\d)', 'stage{s}.{M}.branches.{B}.{N}.conv{c}', 'stage{s}.{M}.branches.{B}.{N}.bn{c}'),
    (_FUSE, 'stage{s}.{M}.fuse_layers.{I}.{J}.0', 'stage{s}.{M}.fuse_layers.{I}.{J}.1'),
    (_FUSE + r'_(?P<K>\d)', 'stage{s}.{M}.fuse_layers.{I}.{J}.{K}.0', 'stage{s}.{M}.fuse_layers.{I}.{J}.{K}.1'),
)
_PADDLE_STATISTICS = {'weight': 'weight', 'bias': 'bias', '_mean': 'running_mean', '_variance': 'running_var'}


def _paddle_rows() -> tuple[tuple[str, str], ...]:
    rows = [(r'final_conv\.(?P<leaf>weight|bias)', 'head.final_layer.{leaf}')]
    for unit, convolution, norm in _PADDLE_UNITS:
        rows.append((rf'backbone\.{unit}\.conv\.weight', f'backbone.{convolution}.weight'))
        rows += [
            (rf'backbone\.{unit}\.norm\.{theirs}', f'backbone.{norm}.{ours}')
            for theirs, ours in _PADDLE_STATISTICS.items()
        ]
    return tuple(rows)


_MMPOSE = (
    (r'(?P<rest>(backbone|neck|head)\..+)', '{rest}'),
    (r'keypoint_head\.(?P<rest>.+)', 'head.{rest}'),  # mmpose 0.x
)

_VITPOSE = (
    (r'backbone\.pos_embed', 'backbone.pos_embed'),
    (r'backbone\.patch_embed\.proj\.(?P<leaf>\w+)', 'backbone.patch_embed.projection.{leaf}'),
    (r'backbone\.blocks\.(?P<i>\d+)\.norm(?P<j>[12])\.(?P<leaf>\w+)', 'backbone.layers.{i}.ln{j}.{leaf}'),
    (r'backbone\.blocks\.(?P<i>\d+)\.attn\.(?P<rest>(qkv|proj)\.\w+)', 'backbone.layers.{i}.attn.{rest}'),
    (r'backbone\.blocks\.(?P<i>\d+)\.mlp\.fc1\.(?P<leaf>\w+)', 'backbone.layers.{i}.ffn.layers.0.0.{leaf}'),
    (r'backbone\.blocks\.(?P<i>\d+)\.mlp\.fc2\.(?P<leaf>\w+)', 'backbone.layers.{i}.ffn.layers.1.{leaf}'),
    (r'backbone\.last_norm\.(?P<leaf>\w+)', 'backbone.ln1.{leaf}'),
    (r'keypoint_head\.(?P<rest>(deconv_layers|final_layer)\..+)', 'head.{rest}'),
)

SOURCES = {
    'hrnet-official': CheckpointSource(
        "a checkpoint of HRNet's authors", _OFFICIAL, [f'body/hrnet_{name}_official' for name in _HRNET]
    ),
    'paddledetection': CheckpointSource(
        "PaddleDetection's HRNet", _paddle_rows(), [f'body/hrnet_{name}_paddle' for name in _HRNET]
    ),
    'mmpose': CheckpointSource(
        'a checkpoint of mmpose 1.x or 0.x',
        _MMPOSE,
        [f'body/hrnet_{name}_{rule}' for rule in ('mmpose', 'mmpose-dark', 'mmpose-udp') for name in _HRNET],
    ),
    'vitpose': CheckpointSource(
        "a checkpoint of ViTPose's authors",
        _VITPOSE,
        ['body/vitpose_b_coco_256x192_mmpose'],
        {'backbone.pos_embed': add_class_position},
    ),
    'yolov7-pose': YOLOV7_POSE,
}
"""What can be converted, by the name of the tool's sub-command."""

OURS = CheckpointSource(
    'mmpose 1.x', ((r'head\.(?P<rest>deconv_layers\..+)', 'neck.{rest}'), (r'(?P<rest>.+)', '{rest}')), []
)
"""From the names of mmpose 1.x to those of a `KeypointEstimator` with `Deconvolutions`."""
