"""Suppression in a graph: the people that the package's own keeps, in the same order."""

import numpy as np
import pytest
import torch

from hybridkp.deploy.onnx_suppression import add_suppression, check_suppression, with_rows
from hybridkp.errors import InputError
from hybridkp.ops.suppression import suppress

onnx = pytest.importorskip('onnx')
onnxruntime = pytest.importorskip('onnxruntime')
NAMES = ('boxes', 'scores', 'labels', 'keypoints')
SHAPES = dict(boxes=(4,), scores=(), labels=(), keypoints=(2, 2))


def graph_of(count):
    """Make a graph that gives out what it is given: rows."""
    kinds = {name: onnx.TensorProto.INT64 if name == 'labels' else onnx.TensorProto.FLOAT for name in NAMES}
    places = [
        [
            onnx.helper.make_tensor_value_info(prefix + name, kinds[name], ['batch', count, *SHAPES[name]])
            for name in NAMES
        ]
        for prefix in ('given_', '')
    ]
    nodes = [onnx.helper.make_node('Identity', [f'given_{name}'], [name]) for name in NAMES]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, 'rows', *places), opset_imports=[onnx.helper.make_opsetid('', 18)]
    )
    model.ir_version = 8
    return model


def rows(generator, batch, count, classes):
    """Draw clusters of boxes, of which a tenth is nobody; some scores are equal."""
    centres = 100 * torch.rand(batch, 6, 2, generator=generator)
    centres = centres[:, torch.randint(6, (count,), generator=generator)]
    centres = centres + 4 * torch.randn(centres.shape, generator=generator)
    half = 8 + 4 * torch.rand(centres.shape, generator=generator)
    scores = torch.rand(batch, count, generator=generator)
    scores = torch.where(scores < 0.1, 0, (50 * scores).round() / 50)
    labels = torch.randint(classes, (batch, count), generator=generator)
    points = torch.randn(batch, count, 2, 2, generator=generator)
    return dict(
        boxes=torch.cat((centres - half, centres + half), dim=-1), scores=scores, labels=labels, keypoints=points
    )


@pytest.mark.parametrize(('classes', 'people'), [(1, 300), (1, 9), (3, 12), (3, 1000)])
@pytest.mark.parametrize('batch', [1, 3])
def test_keeps_whom_the_package_keeps(classes, people, batch, generator):
    given = rows(generator, batch, 200, classes)
    model, settings = graph_of(200), dict(iou_threshold=0.5, max_people=people)
    renamed = add_suppression(model, classes, settings)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(with_rows(model, renamed).SerializeToString())
    asked = [*NAMES, *renamed.values()]
    found = session.run(asked, {f'given_{name}': values.numpy() for name, values in given.items()})
    found, before = dict(zip(NAMES, found, strict=False)), dict(zip(NAMES, found[len(NAMES) :], strict=True))
    assert found['scores'].shape == (batch, min(people, 200)) and found['keypoints'].shape[2:] == (2, 2)
    scores, order = given['scores'].sort(dim=1, descending=True, stable=True)
    ordered = {n: torch.stack([v[i] for v, i in zip(values, order, strict=True)]) for n, values in given.items()}
    keep = suppress(ordered['boxes'], ordered['labels'], scores > 0, 0.5, people)
    for index, kept in enumerate(keep):
        assert 5 < kept.sum() == (found['scores'][index] > 0).sum()
        for name, values in ordered.items():
            np.testing.assert_array_equal(found[name][index][: int(kept.sum())], values[index][kept].numpy())
    assert check_suppression(found, before, settings) == int(keep.sum())


def test_others_are_noticed(generator):
    given = {name: values.numpy() for name, values in rows(generator, 1, 200, 1).items()}
    everybody = dict(given)
    with pytest.raises(InputError, match=r'of \d+ people 1\d\d are others after the suppression'):
        check_suppression(everybody, given, dict(iou_threshold=0.5, max_people=300))
    nobody = {name: values * 0 for name, values in given.items()}
    with pytest.raises(InputError, match=r'of (\d+) people \1 are others'):
        check_suppression(nobody, given, dict(iou_threshold=0.5, max_people=300))
    assert check_suppression(nobody, nobody, dict(iou_threshold=0.5, max_people=300)) == 0
