"""Labels from the images themselves: where the filters have them, in the image's pixels, in every view."""

import math

import pytest
import torch
from mmpose.registry import MODELS

from hybridkp.models.teachers.blob_teacher import BlobTeacher
from hybridkp.ops.anisotropic_blobs import detect_blobs
from hybridkp.ops.covariance import to_sigmas
from hybridkp.ops.homography import inside, transform_points


def scene(size=(96, 112)):
    rows, columns = torch.meshgrid(*(torch.arange(float(n)) for n in size), indexing='ij')
    image = torch.full(size, 0.5)
    for x, y, sigma, contrast in ((40, 40, 3, 0.4), (70, 45, 4, -0.4), (55, 65, 3.5, 0.3)):
        image = image + contrast * torch.exp(-((columns - x).square() + (rows - y).square()) / (2 * sigma**2))
    return image[None]


def test_is_registered_and_has_no_parameter(mmpose_scope):
    teacher = MODELS.build(dict(type='BlobTeacher', adaptations=2))
    assert isinstance(teacher, BlobTeacher) and not list(teacher.parameters()) and not teacher.state_dict()


def test_the_image_itself_has_the_labels_of_the_filters():
    labels = BlobTeacher(count=5)(scene())
    blobs = detect_blobs(scene(), 5, threshold=0.005)
    torch.testing.assert_close(labels.points[:, 0], blobs.points)
    torch.testing.assert_close(labels.covariances[:, 0], blobs.covariances)
    wanted = 0.2 + 0.8 * torch.log(blobs.strengths[0, :3].abs() / 0.005) / math.log(20)
    assert labels.weights[0, 0].tolist() == pytest.approx([*wanted.tolist(), 0, 0]) and 0.5 < wanted.min() < 1
    torch.testing.assert_close(labels.homographies, torch.eye(3)[None, None])


def test_points_of_views_come_back_to_the_image():
    torch.manual_seed(3)
    labels = BlobTeacher(count=5, adaptations=6, photometry=0.0)(scene().expand(2, -1, -1))
    assert labels.points.shape == (2, 7, 5, 2) and labels.homographies.shape == (2, 7, 3, 3)
    truth = torch.tensor([[40.0, 40], [70, 45], [55, 65]])
    seen = inside(transform_points(truth, labels.homographies), (96, 112), 10)
    there = labels.weights > 0
    found = 0
    for image in range(2):
        for view in range(1, 7):
            points = labels.points[image, view][there[image, view]]
            if not len(points):
                continue
            distance = torch.cdist(truth, points).amin(dim=1)[seen[image, view]]
            found += (distance < 0.7).sum().item()
    assert found >= 0.9 * seen[:, 1:].sum() > 20
    major, minor, _ = to_sigmas(labels.covariances[there])
    assert ((major > 2) & (major < 7) & (minor > 1.5)).float().mean() > 0.9
    assert not torch.equal(labels.homographies[0, 1], labels.homographies[1, 1])


def test_faint_blobs_are_lost_in_views_with_other_light():
    faint = 0.5 + 0.25 * (scene() - scene().mean())
    teachers = [BlobTeacher(count=5, adaptations=12, threshold=0.01, photometry=light) for light in (0.0, 1.0)]
    weights = []
    for teacher in teachers:
        torch.manual_seed(3)
        labels = teacher(faint)
        weights.append(labels.weights[0])
    assert torch.equal(weights[0][0], weights[1][0])  # the image itself is looked at as it is
    assert (weights[1][1:] > 0).sum() < (weights[0][1:] > 0).sum()


def test_weights_on_paper():
    strengths = torch.tensor([0.0, 0.01, -0.01, 0.2, -0.9, 0.01 * 20**0.5])
    assert BlobTeacher(threshold=0.01)._weights(strengths).tolist() == pytest.approx([0, 0.2, 0.2, 1, 1, 0.6])


def test_no_gradient_and_no_host_waits():
    labels = BlobTeacher(count=6, adaptations=2)(torch.empty(2, 64, 64, device='meta', requires_grad=True))
    assert labels.points.shape == (2, 3, 6, 2) and not labels.points.requires_grad


@pytest.mark.parametrize('settings', [dict(count=0), dict(adaptations=-1), dict(orientations=2), dict(threshold=0)])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match='BlobTeacher: expected'):
        BlobTeacher(**settings)


def test_too_narrow_filters_are_refused_when_it_is_built():
    with pytest.raises(ValueError, match='at least 1 px wide'):
        BlobTeacher(scales=(1.2, 8.0, 3))
