import numpy as np
import pytest

from hybridkp.evaluation.result_skeleton import from_metainfo, from_protocol

META = dict(
    dataset_name='face',
    keypoint_id2name={0: 'nose', 1: 'left', 2: 'right'},
    sigmas=[0.1, 0.2, 0.2],
    flip_indices=[0, 2, 1],
)
PROTOCOL = dict(
    skeleton=dict(name='face', keypoints=['nose', 'left', 'right'], flip_indices=[0, 2, 1]), sigmas=[0.1, 0.2, 0.2]
)


def test_of_a_data_set_and_of_a_protocol_is_the_same():
    for found in (from_metainfo(META), from_protocol(PROTOCOL)):
        assert found.name == 'face' and found.names == ['nose', 'left', 'right']
        np.testing.assert_allclose(found.sigmas, [0.1, 0.2, 0.2])
        assert found.flip_indices.tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    'wrong',
    [
        None,
        {},
        dict(sigmas=[0.1]),
        dict(PROTOCOL, sigmas=None),
        dict(PROTOCOL, sigmas=[0.1, 0.2]),
        dict(PROTOCOL, sigmas=[0.1, 'x', 0.2]),
        dict(PROTOCOL, sigmas=[0.1, 0, 0.2]),
        dict(PROTOCOL, skeleton=dict(PROTOCOL['skeleton'], keypoints=None)),
        dict(PROTOCOL, skeleton=dict(PROTOCOL['skeleton'], flip_indices=[0, 2, 3])),
    ],
)
def test_a_protocol_without_a_whole_skeleton_has_none(wrong):
    assert from_protocol(wrong) is None
