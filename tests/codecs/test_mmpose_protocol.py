"""The codec as mmpose sees it, beside mmpose's own."""

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS, TRANSFORMS

pytestmark = pytest.mark.usefixtures('mmpose_scope')
COVARIANCE = dict(type='FixedCovariance', sigma=8)
OURS = dict(type='AnisotropicHeatmap', input_size=(192, 256), covariance=COVARIANCE)
THEIRS = dict(type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)


@pytest.fixture
def keypoints():
    """17 keypoints (1, 17, 2) well inside the input."""
    return np.random.default_rng(0).uniform(35, 155, (1, 17, 2)).astype(np.float32)


def test_encodes_to_what_mmpose_encodes_to(keypoints):
    visible = np.ones((1, 17), dtype=np.float32)
    visible[0, :3] = 0
    ours = KEYPOINT_CODECS.build(OURS).encode(keypoints=keypoints, keypoints_visible=visible)
    theirs = KEYPOINT_CODECS.build(THEIRS).encode(keypoints=keypoints, keypoints_visible=visible)
    assert ours.keys() == theirs.keys()
    for name in theirs:
        assert isinstance(ours[name], np.ndarray)
        assert (ours[name].shape, ours[name].dtype) == (theirs[name].shape, theirs[name].dtype)
    np.testing.assert_array_equal(ours['keypoint_weights'], theirs['keypoint_weights'])
    assert not ours['heatmaps'][:3].any() and ours['heatmaps'][3:].any(axis=(1, 2)).all()


def test_same_heatmaps_as_mmpose_under_its_rule():
    whole_cells = np.random.default_rng(0).integers(10, 38, (1, 17, 2)).astype(np.float32) * 4
    ours = KEYPOINT_CODECS.build(dict(OURS, pixel_offset=0.0)).encode(whole_cells)['heatmaps']
    theirs = KEYPOINT_CODECS.build(THEIRS).encode(whole_cells)['heatmaps']
    inside = (ours > 0) & (theirs > 0)
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=1e-5)
    assert ours[theirs == 0].max() < 0.012, 'mmpose cuts a square of three standard deviations'


@pytest.mark.parametrize('options', [dict(), dict(pixel_offset=0.0), dict(stride=2)])
def test_decode_undoes_encode(options, keypoints):
    codec = KEYPOINT_CODECS.build(dict(OURS, **options))
    decoded, scores = codec.decode(codec.encode(keypoints)['heatmaps'])
    assert decoded.shape == (1, 17, 2) and scores.shape == (1, 17)
    assert isinstance(decoded, np.ndarray) and isinstance(scores, np.ndarray)
    np.testing.assert_allclose(decoded, keypoints, atol=0.02)
    assert (scores > 0.9).all() and (scores <= 1).all()


def test_batch_decode_equals_decode(keypoints):
    codec = KEYPOINT_CODECS.build(OURS)
    heatmaps = np.stack([codec.encode(keypoints)['heatmaps'], codec.encode(keypoints[:, ::-1] / 2 + 30)['heatmaps']])
    assert codec.support_batch_decoding
    batch_keypoints, batch_scores = codec.batch_decode(torch.from_numpy(heatmaps).requires_grad_())
    assert len(batch_keypoints) == len(batch_scores) == 2
    for one, found, scores in zip(heatmaps, batch_keypoints, batch_scores, strict=True):
        np.testing.assert_array_equal(codec.decode(one)[0], found)
        np.testing.assert_array_equal(codec.decode(one)[1], scores)


def test_weights_of_unlabelled_and_of_far_keypoints():
    keypoints = np.array([[[90.0, 100.0], [90.0, 100.0], [-200.0, 100.0], [-5.0, 100.0]]])
    encoded = KEYPOINT_CODECS.build(OURS).encode(keypoints, np.array([[1, 0, 1, 2]]))
    assert encoded['keypoint_weights'].dtype == np.float32
    assert encoded['keypoint_weights'].tolist() == [[1, 0, 0, 2]]
    assert encoded['heatmaps'].any(axis=(1, 2)).tolist() == [True, False, False, True]
    by_name = KEYPOINT_CODECS.build(OURS).encode(keypoints=keypoints, keypoints_visible=np.array([[1, 0, 1, 2]]))
    assert all(np.array_equal(by_name[name], encoded[name]) for name in encoded)
    everything = KEYPOINT_CODECS.build(OURS).encode(keypoints)
    assert everything['keypoint_weights'].tolist() == [[1, 1, 0, 1]]


def test_learned_covariances_keep_their_start(keypoints):
    learned = dict(type='LearnedCovariance', sigma=8)
    codec = KEYPOINT_CODECS.build(dict(OURS, covariance=learned, num_keypoints=17))
    fixed = KEYPOINT_CODECS.build(OURS).encode(keypoints)['heatmaps']
    np.testing.assert_allclose(codec.encode(keypoints)['heatmaps'], fixed, atol=1e-5)


def test_inputs_are_left_alone(keypoints):
    codec, before = KEYPOINT_CODECS.build(OURS), keypoints.copy()
    heatmaps = codec.encode(keypoints)['heatmaps']
    kept = heatmaps.copy()
    codec.decode(heatmaps)
    np.testing.assert_array_equal(keypoints, before)
    np.testing.assert_array_equal(heatmaps, kept)


def test_errors(keypoints):
    with pytest.raises(ValueError, match='AnisotropicHeatmap encodes 1 person a sample, not 2'):
        KEYPOINT_CODECS.build(OURS).encode(keypoints.repeat(2, axis=0))
    without_size = KEYPOINT_CODECS.build(dict(type='IsotropicHeatmap', sigma=8))
    with pytest.raises(ValueError, match=r'IsotropicHeatmap needs input_size=\(width, height\)'):
        without_size.encode(keypoints)


@pytest.mark.parametrize('codec', [OURS, dict(type='IsotropicHeatmap', input_size=(192, 256), sigma=8)])
def test_stands_in_the_pipeline_of_mmpose(codec, keypoints):
    results = dict(
        img=np.zeros((256, 192, 3), np.uint8),
        transformed_keypoints=keypoints,
        keypoints_visible=np.ones((1, 17), np.float32),
    )
    pack = TRANSFORMS.build(dict(type='PackPoseInputs', meta_keys=()))
    sample, expected = (
        pack(TRANSFORMS.build(dict(type='GenerateTarget', encoder=encoder))(dict(results)))['data_samples']
        for encoder in (codec, THEIRS)
    )
    assert sample.gt_fields.heatmaps.shape == expected.gt_fields.heatmaps.shape == (17, 64, 48)
    assert torch.equal(sample.gt_instance_labels.keypoint_weights, expected.gt_instance_labels.keypoint_weights)
    decoded, _ = KEYPOINT_CODECS.build(codec).decode(sample.gt_fields.heatmaps.numpy())
    np.testing.assert_allclose(decoded, keypoints, atol=0.02)
