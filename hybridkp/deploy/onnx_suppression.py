"""Non-maximum suppression as the last part of an ONNX graph."""

from collections.abc import Mapping

import numpy as np
import torch

from hybridkp.errors import InputError
from hybridkp.ops.suppression import suppress

TIES = 100
"""Of so many people one may differ: boxes may overlap by what the threshold is, up to rounding."""
Fields = Mapping[str, np.ndarray]


def add_suppression(graph, classes: int, settings: Mapping[str, float]) -> dict[str, str]:
    """Have a graph of rows, see `ExportablePeople`, give out the people that greedy suppression keeps, best first.

    The rule is that of `ops.suppression.suppress`: a box takes out those of its class whose intersection over union
    with it is above the threshold. ONNX's operator does so class by class; of what it keeps in an image those with the
    highest scores are given out, `max_people` or, where there are fewer rows, as many; places for which there is nobody
    have score 0.

    Args:
        graph: an `onnx.ModelProto`, which is changed.
        classes: C.
        settings: ``iou_threshold`` and ``max_people``.

    Returns:
        What the rows' tensors are called now, by the names of the outputs.
    """
    from onnx import TensorProto, helper, numpy_helper

    proto = graph.graph
    outputs = {output.name: output for output in proto.output}
    rows = {name: f'{name}_of_rows' for name in outputs}
    _rename(proto, rows)
    count = outputs['scores'].type.tensor_type.shape.dim[1].dim_value
    people = min(int(settings['max_people']), count)
    constants = {
        'nms_classes': np.arange(classes, dtype=np.int64).reshape(1, -1, 1),
        'nms_most': np.array([people], np.int64),
        'nms_overlap': np.array([settings['iou_threshold']], np.float32),
        'nms_least': np.array([0.0], np.float32),
        'nms_one': np.array([1], np.int64),
        'nms_last': np.array([2], np.int64),
        'nms_image_and_row': np.array([0, 2], np.int64),
    }
    proto.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    nodes = [
        ('Unsqueeze', [rows['labels'], 'nms_one'], 'nms_labels', {}),
        ('Equal', ['nms_labels', 'nms_classes'], 'nms_is_class', {}),
        ('Cast', ['nms_is_class'], 'nms_share', dict(to=TensorProto.FLOAT)),
        ('Unsqueeze', [rows['scores'], 'nms_one'], 'nms_scores', {}),
        ('Mul', ['nms_scores', 'nms_share'], 'nms_class_scores', {}),
        (
            'NonMaxSuppression',
            [rows['boxes'], 'nms_class_scores', 'nms_most', 'nms_overlap', 'nms_least'],
            'nms_selected',
            {},
        ),
        ('Gather', ['nms_selected', 'nms_image_and_row'], 'nms_places', dict(axis=1)),
        ('GatherND', [rows['scores'], 'nms_places'], 'nms_kept_scores', {}),
        ('Shape', [rows['scores']], 'nms_shape', {}),
        ('ConstantOfShape', ['nms_shape'], 'nms_nobody', {}),
        ('ScatterND', ['nms_nobody', 'nms_places', 'nms_kept_scores'], 'nms_kept', {}),
        ('TopK', ['nms_kept', 'nms_most'], 'scores nms_order', dict(axis=1)),
        ('Unsqueeze', ['nms_order', 'nms_last'], 'nms_index', {}),
    ]
    others = [name for name in outputs if name != 'scores']
    nodes += [('GatherND', [rows[name], 'nms_index'], name, dict(batch_dims=1)) for name in others]
    for kind, inputs, names, attributes in nodes:
        proto.node.append(helper.make_node(kind, inputs, names.split(), name=names.split()[0], **attributes))
    for name in outputs:
        outputs[name].type.tensor_type.shape.dim[1].Clear()
        outputs[name].type.tensor_type.shape.dim[1].dim_value = people
    return rows


def with_rows(graph, rows: Mapping[str, str]):
    """Give a copy of a graph that gives out its rows as well, under the names that `add_suppression` returned."""
    from onnx import ModelProto, helper

    copy = ModelProto()
    copy.CopyFrom(graph)
    kinds = {output.name: output.type.tensor_type.elem_type for output in graph.graph.output}
    copy.graph.output.extend(helper.make_tensor_value_info(rows[name], kind, None) for name, kind in kinds.items())
    return copy


def check_suppression(people: Fields, rows: Fields, settings: Mapping[str, float]) -> int:
    """Compare the people of a batch, that a graph kept of its rows, with those that `suppress` keeps.

    Returns:
        How many people there are.

    Raises:
        InputError: if more than one in `TIES` are other ones.
    """
    scores, order = torch.from_numpy(rows['scores']).sort(dim=1, descending=True, stable=True)
    count = int((scores > 0).sum(dim=1).max())
    scores, order = scores[:, :count], order[:, :count]
    boxes = torch.from_numpy(rows['boxes']).take_along_dim(order[..., None], dim=1)
    labels = torch.from_numpy(rows['labels']).take_along_dim(order, dim=1)
    keep = suppress(boxes, labels, scores > 0, settings['iou_threshold'], int(settings['max_people']))
    total = wrong = 0
    for index, kept in enumerate(keep):
        expected = torch.cat((boxes[index][kept], scores[index][kept, None]), dim=1).numpy()
        shown = people['scores'][index] > 0
        found = np.concatenate((people['boxes'][index][shown], people['scores'][index][shown, None]), axis=1)
        both = {row.tobytes() for row in expected} & {row.tobytes() for row in found}
        total, wrong = total + len(expected), wrong + max(len(expected), len(found)) - len(both)
    if wrong * TIES > max(total, TIES):
        raise InputError(f'of {total} people {wrong} are others after the suppression by onnxruntime than by torch')
    return total


def _rename(proto, names: Mapping[str, str]) -> None:
    """Rename tensors of a graph where they are made and used; the outputs' own names stay."""
    for node in proto.node:
        for places in (node.input, node.output):
            for index, name in enumerate(places):
                places[index] = names.get(name, name)
    for value in proto.value_info:
        value.name = names.get(value.name, value.name)
