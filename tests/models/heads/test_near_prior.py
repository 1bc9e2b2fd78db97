"""The second of two networks looks near the first one's points."""

import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

from hybridkp.models.heads.near_prior import near_prior

pytestmark = pytest.mark.usefixtures('mmpose_scope')
SIZE, SHOWN, CENTER = (64, 96), (32, 48), (50, 40)  # the input is twice as large as its part of the image
RIGHT, WRONG = torch.tensor([[20.0, 30.0], [40.0, 60.0]]), torch.tensor([[50.0, 80.0], [10.0, 12.0]])
FLIP_INDICES = [1, 0]


@pytest.fixture
def codec(mmpose_scope):
    return KEYPOINT_CODECS.build(dict(type='IsotropicHeatmap', sigma=3, stride=2, num_keypoints=2))


def sample(prior=None):
    meta = dict(input_size=SIZE, input_center=CENTER, input_scale=SHOWN, flip_indices=FLIP_INDICES)
    if prior is not None:
        corner = torch.tensor(CENTER) - torch.tensor(SHOWN) / 2
        meta['prior_keypoints'] = (prior / 2 + corner)[None].numpy()
    return PoseDataSample(metainfo=meta)


def maps(codec):
    """Heatmaps (1, 2, 48, 32) with a peak at the right place and a higher one at the wrong place."""
    covariance = codec.target_covariance(RIGHT[None], SIZE[::-1])
    right, wrong = (codec.encode(points[None], covariance, (48, 32)) for points in (RIGHT, WRONG))
    return 0.6 * right + wrong


def test_peaks_near_the_prior_points(codec):
    (near,) = near_prior([maps(codec)], [sample(RIGHT + 4)], codec, 0.15)
    assert codec.decode(maps(codec))[0][0] == pytest.approx(WRONG, abs=0.01)
    assert codec.decode(near)[0][0] == pytest.approx(RIGHT, abs=0.05)


def test_the_radius_is_a_fraction_of_the_side(codec):
    side = (64 * 96) ** 0.5
    (near,) = near_prior([torch.ones(1, 2, 48, 32)], [sample(RIGHT)], codec, 10 / side)
    assert near.sum().item() / 2 == pytest.approx(torch.pi * 5**2, rel=0.03)  # 10 px are 5 cells


def test_mirrored_views(codec):
    views = [maps(codec), maps(codec).flip(-1)[:, FLIP_INDICES]]
    near = near_prior(views, [sample(RIGHT + 4)], codec, 0.15)
    torch.testing.assert_close(near[1].flip(-1)[:, FLIP_INDICES], near[0])


def test_what_stays_as_it_is(codec):
    views = [maps(codec)]
    assert near_prior(views, [sample(RIGHT)], codec, None) is views
    assert near_prior(views, [sample()], codec, 0.1) is views
    with pytest.raises(ValueError, match='search_radius takes heatmaps'):
        near_prior([torch.ones(1, 2, 4, 48, 32)], [sample(RIGHT)], codec, 0.1)


@pytest.mark.parametrize('flip_test', [False, True])
def test_the_head_predicts_near_the_prior_points(codec, flip_test):
    head = MODELS.build(
        dict(
            type='GaussianHeatmapHead',
            in_channels=2,
            num_keypoints=2,
            codec=dict(type='IsotropicHeatmap', sigma=3, stride=2),
            loss=dict(type='KeypointMSELoss', use_target_weight=True),
        )
    )
    head.final_layer = torch.nn.Identity()
    feats = (maps(codec),)
    if flip_test:
        feats = [feats, (feats[0].flip(-1)[:, FLIP_INDICES],)]
    for prior, expected in ((RIGHT + 4, RIGHT), (WRONG, WRONG)):
        (found,) = head.predict(feats, [sample(prior)], dict(flip_test=flip_test, search_radius=0.15))
        assert torch.from_numpy(found.keypoints.numpy()[0]) == pytest.approx(expected, abs=0.05)
    (found,) = head.predict(feats, [sample(RIGHT)], dict(flip_test=flip_test))
    assert found.keypoints[0] == pytest.approx(WRONG, abs=0.05)
