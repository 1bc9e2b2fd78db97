"""Who is found by which pose, and what the protocol says to leave out."""

import json
from pathlib import Path

import numpy as np
import pytest

from hybridkp.inference.report_poses import ReportPoses
from hybridkp.inference.report_source import ReportSource


def changed(source, change):
    entries = json.loads(Path(source.path).read_text())
    change(entries)
    Path(source.path).write_text(json.dumps(entries))
    return ReportPoses(ReportSource(source.path, source.ann_file, None, None))


def test_everybody_is_found_by_a_perfect_pose(people):
    poses = ReportPoses(people())
    assert len(poses.labelled) == 55 and (poses.finders[poses.labelled] >= 0).all()
    np.testing.assert_allclose(poses.similarities[poses.labelled], 1)
    others = np.setdiff1d(np.arange(len(poses.finders)), poses.labelled)
    assert (poses.finders[others] == -1).all() and np.isnan(poses.similarities[others]).all()
    assert poses.lead() == '26 images with 55 labelled people, 55 predictions. Boxes: ground truth.'


def test_who_is_not_found_may_have_a_pose_in_the_same_box(people):
    def far(entries):
        points = np.array(entries[0]['keypoints']).reshape(-1, 3)
        points[:, :2] += 1e4
        entries[0]['keypoints'] = points.ravel().tolist()

    poses = changed(people(), far)
    (lost,) = [person for person in poses.labelled if poses.finders[person] < 0]
    row = poses.overlapping(lost)
    assert poses.source.results.entries[poses.evaluation.rows[row]] == 0

    def nowhere(entries):
        entries[0]['bbox'] = [0, 0, 1, 1]

    poses = changed(poses.source, nowhere)
    assert poses.overlapping(lost) == -1


def test_duplicates_go_as_the_protocol_says(people):
    def twice(entries):
        entries.append({**entries[1], 'score': 0.1})

    poses = changed(people(), twice)
    assert poses.dropped == 0 and len(poses.evaluation.rows) == 56

    def suppressed(entries):
        entries[0]['protocol']['nms_threshold'] = 0.9

    poses = changed(poses.source, suppressed)
    assert poses.dropped == 1 and len(poses.evaluation.rows) == 55 and 'of which 1 are dropped' in poses.lead()


def test_the_protocol_says_how_many_of_an_image_count(people):
    def one(entries):
        entries[0]['protocol']['max_detections'] = 1

    assert len(changed(people(), one).evaluation.rows) == len({*ReportPoses(people()).evaluation.detections.images})


def test_covariances_follow_their_poses(people):
    def marked(entries):
        entries[3]['keypoint_covariances'] = [[77, 0, 77]] * 17

    poses = changed(people(), marked)
    rows = np.flatnonzero(poses.source.results.entries[poses.evaluation.rows] == 3)
    assert poses.covariances[rows[0], 0, 0, 0] == pytest.approx(77)
    assert (poses.covariances[:, 0, 0, 0] == 77).sum() == 1
