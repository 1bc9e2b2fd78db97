"""Labels between the readers' points."""

import numpy as np

from hybridkp.datasets.mix_readers import MixReaders

READERS = np.array([[[0, 0], [10, 10], [5, 5], [1, 1]], [[4, 8], [10, 20], [7, 7], [1, 1]]], np.float32)
VISIBLE = np.array([[1, 1, 0, 0], [1, 1, 1, 0]], np.float32)
MEAN = np.array([[[2, 4], [10, 15], [7, 7], [3, 3]]], np.float32)


def mixed(count=2000):
    np.random.seed(0)
    sample = dict(keypoints=MEAN, reader_keypoints=READERS, reader_keypoints_visible=VISIBLE)
    return np.concatenate([MixReaders()(dict(sample))['keypoints'] for _ in range(count)])


def test_labels_lie_between_the_readers_and_are_their_mean_on_average():
    points = mixed()
    assert points.shape == (2000, 4, 2) and points.dtype == np.float32
    assert (points[:, 0, 0] * 2 - points[:, 0, 1] == 0).all() or np.allclose(points[:, 0, 0] * 2, points[:, 0, 1])
    assert points[:, 0, 0].min() < 0.1 and points[:, 0, 0].max() > 3.9
    np.testing.assert_allclose(points[:, :2].mean(axis=0), MEAN[0, :2], atol=0.25)
    # of two readers the place on the line between them is uniform
    assert abs(points[:, 1, 1].std() - 10 / np.sqrt(12)) < 0.1


def test_only_readers_who_saw_it_count_and_what_nobody_saw_stays():
    points = mixed(20)
    assert (points[:, 2] == 7).all() and (points[:, 3] == 3).all()


def test_keypoints_are_drawn_one_by_one_and_the_sample_is_not_changed():
    points = mixed(50)
    places = points[:, 0, 0] / 4, (points[:, 1, 1] - 10) / 10
    assert abs(np.corrcoef(*places)[0, 1]) < 0.5
    assert MEAN[0, 0].tolist() == [2, 4]


def test_without_readers_it_passes():
    sample = dict(keypoints=MEAN)
    assert MixReaders()(sample) is sample and (sample['keypoints'] == MEAN).all()
