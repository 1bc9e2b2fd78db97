"""What the tests of plots and reports share."""

import json
from pathlib import Path

import cv2
import matplotlib.figure
import numpy as np
import pytest
from mmengine.config import Config

from hybridkp.evaluation.protocol import file_hash
from hybridkp.inference.report_source import ReportSource

ROOT = Path(__file__).parents[2]
PEOPLE = ROOT / 'tests/data/coco/annotations/person_keypoints_val2017.json'
LABELS = np.array([[30.0, 40.0], [60.0, 30.0], [90.0, 70.0]])


@pytest.fixture
def figures(monkeypatch):
    """All figures that are saved."""
    saved, save = [], matplotlib.figure.Figure.savefig

    def remember(self, *arguments, **settings):
        saved.append(self)
        save(self, *arguments, **settings)

    monkeypatch.setattr(matplotlib.figure.Figure, 'savefig', remember)
    return saved


@pytest.fixture(scope='session')
def coco17():
    """The skeleton of people."""
    return Config.fromfile(ROOT / 'configs/_base_/skeletons/coco17.py').skeleton.to_dict()


@pytest.fixture
def people(tmp_path, coco17):
    """Write results for the bundled people, at their labels and some px beside, and give the source of a report."""

    def build(beside=0.0, count=None, variance=9.0, protocol=True, seed=0, **more):
        generator = np.random.default_rng(seed)
        records = json.loads(PEOPLE.read_text())
        labelled = [one for one in records['annotations'] if one['num_keypoints'] and not one['iscrowd']]
        entries = []
        for annotation in labelled[:count]:
            points = np.array(annotation['keypoints'], dtype=float).reshape(-1, 3)
            x, y, width, height = annotation['bbox']
            points[points[:, 2] == 0, :2] = x + width / 2, y + height / 2
            points[:, :2] += generator.normal(0, beside, (17, 2)) if beside else 0
            points[:, 2] = 0.9
            entry = dict(image_id=annotation['image_id'], category_id=1, keypoints=points.ravel().tolist(), score=0.5)
            covariances = [] if variance is None else [[variance, 0, variance]] * 17
            entries.append(entry | dict(bbox=annotation['bbox'], keypoint_covariances=covariances))
        if protocol and entries:
            names, pairs = coco17['keypoints'], dict(coco17['flip_pairs'])
            pairs |= {right: left for left, right in pairs.items()}
            entries[0]['protocol'] = dict(
                boxes='ground truth',
                config='people_256x192.py',
                annotations=str(PEOPLE),
                annotations_sha256=file_hash(PEOPLE),
                skeleton=dict(
                    name='coco17', keypoints=names, flip_indices=[names.index(pairs.get(name, name)) for name in names]
                ),
                sigmas=coco17['sigmas'],
                instances=len(entries),
            )
        (tmp_path / 'people.json').write_text(json.dumps(entries))
        return ReportSource(
            **dict(path=str(tmp_path / 'people.json'), ann_file=None, img_root=None, skeleton=None) | more
        )

    return build


@pytest.fixture
def heads(tmp_path):
    """Write a set of small images with three landmarks, and results at given shifts (N, 3, 2) in px from the labels."""

    def build(shifts, spacing=0.5, readers=None, covariance=(4.0, 0.0, 4.0), images=True, visible=(2, 2, 2)):
        records = dict(
            images=[],
            annotations=[],
            categories=[dict(id=1, name='head', keypoints=['S', 'N', 'A'], skeleton=[[1, 2]])],
        )
        entries = []
        for i, shift in enumerate(np.asarray(shifts, dtype=float), 1):
            records['images'].append(dict(id=i, file_name=f'{i:03d}.png', width=120, height=100))
            if spacing is not None:
                records['images'][-1]['pixel_spacing'] = spacing
            triples = np.column_stack((LABELS, visible)).ravel().tolist()
            annotation = dict(id=i, image_id=i, category_id=1, bbox=[0, 0, 120, 100], area=12000, keypoints=triples)
            if readers is not None:
                annotation['readers'] = {
                    name: np.column_stack((LABELS + apart, visible)).ravel().tolist() for name, apart in readers.items()
                }
            records['annotations'].append(annotation)
            points = np.column_stack((LABELS + shift, [0.9, 0.8, 0.7])).ravel().tolist()
            entry = dict(image_id=i, category_id=1, keypoints=points, score=0.8, bbox=[0, 0, 120, 100])
            entries.append(entry | (dict(keypoint_covariances=[list(covariance)] * 3) if covariance else {}))
            if images:
                (tmp_path / 'images').mkdir(exist_ok=True)
                picture = np.random.default_rng(i).integers(0, 255, (100, 120), dtype=np.uint8)
                cv2.imwrite(str(tmp_path / f'images/{i:03d}.png'), picture)
        (tmp_path / 'heads.json').write_text(json.dumps(records))
        (tmp_path / 'found.json').write_text(json.dumps(entries))
        return ReportSource(str(tmp_path / 'found.json'), str(tmp_path / 'heads.json'), None, None)

    return build
