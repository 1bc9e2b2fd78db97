"""The file of predictions: COCO's result format with names of files."""

import json

import cv2
import numpy as np
import pytest
from xtcocotools.coco import COCO

from hybridkp.evaluation.protocol import read_protocol
from hybridkp.inference.keypoint_inferencer import KeypointInferencer
from hybridkp.inference.label_file import LabelFile
from hybridkp.inference.media_source import MediaSource
from hybridkp.inference.prediction_file import PredictionFile
from hybridkp.inference.result_reader import read_results


@pytest.fixture
def write(random_network, tmp_path):
    """Predict on small images of some names, or on a video, and write it; gives the entries and the network's."""

    def predict(names, kind='detector', labelled=None):
        inferencer, labels = KeypointInferencer(*random_network(kind), device='cpu'), None
        for i, name in enumerate(names):
            random = np.random.default_rng(i)
            if name.endswith('.avi'):
                writer = cv2.VideoWriter(str(tmp_path / name), cv2.VideoWriter_fourcc(*'MJPG'), 5, (48, 32))
                for _ in range(3):
                    writer.write(random.integers(0, 255, (32, 48, 3), dtype=np.uint8))
                writer.release()
            else:
                cv2.imwrite(str(tmp_path / name), random.integers(0, 255, (32, 48, 3), dtype=np.uint8))
        if labelled:
            images = [dict(id=i, file_name=name, width=48, height=32) for name, i in labelled.items()]
            (tmp_path / 'labels.json').write_text(json.dumps(dict(images=images, annotations=[])))
            labels = LabelFile(tmp_path / 'labels.json', inferencer.dataset_meta)
        source = MediaSource([str(tmp_path / name) for name in names])
        file = PredictionFile(tmp_path / 'new/p.json', inferencer, source, labels)
        found = [people for frame, _, people in inferencer.predict(source) if file.add(frame, people)]
        file.write(dict(dtype='float32'))
        return json.loads((tmp_path / 'new/p.json').read_text()), found

    return predict


def test_entries_are_the_predictions(write, tmp_path):
    entries, (people,) = write(['a.png'])
    assert len(entries) == len(people) == 5
    for i, entry in enumerate(entries):
        triples = np.reshape(entry['keypoints'], (17, 3))
        np.testing.assert_allclose(triples[:, :2], people.keypoints[i], atol=1e-4)
        np.testing.assert_allclose(triples[:, 2], people.keypoint_scores[i], atol=1e-4)
        assert entry['score'] == pytest.approx(people.bbox_scores[i])
        assert entry['file_name'] == str(tmp_path / 'a.png') and 'frame' not in entry
    assert len(read_results(tmp_path / 'new/p.json', 17)[0]) == 5


def test_coco_tools_read_it(write, tmp_path):
    write(['000000000012.png', '000000000007.png'])
    images = [dict(id=i, file_name='', width=48, height=32) for i in (7, 12)]
    truth = dict(images=images, annotations=[], categories=[dict(id=1, name='person')])
    (tmp_path / 'truth.json').write_text(json.dumps(truth))
    results = COCO(str(tmp_path / 'truth.json')).loadRes(str(tmp_path / 'new/p.json'))
    assert len(results.getAnnIds(imgIds=[7])) == len(results.getAnnIds(imgIds=[12])) == 5


@pytest.mark.parametrize(
    'names, labelled, expected',
    [
        (['a.png', 'b.png'], None, [0, 1]),
        (['3.png', '2.png'], None, [3, 2]),
        (['3.png', 'b.png'], None, [0, 1]),
        (['3.png', '03.png'], None, [0, 1]),
        (['3.png', 'b.png'], {'b.png': 8}, [9, 8]),
        (['v.avi'], None, [0, 1, 2]),
    ],
)
def test_ids(names, labelled, expected, write):
    entries, _ = write(names, labelled=labelled)
    assert list(dict.fromkeys(entry['image_id'] for entry in entries)) == expected
    if names == ['v.avi']:
        assert [entry['frame'] for entry in entries[::5]] == [0, 1, 2]


@pytest.mark.parametrize(
    'kind, boxes, mode',
    [('detector', 'none: the network finds its own', 'bbox'), ('mouse', 'the whole image', 'bbox_keypoint')],
)
def test_the_protocol(kind, boxes, mode, write, tmp_path):
    entries, _ = write(['a.png'], kind)
    protocol = read_protocol(tmp_path / 'new/p.json')
    assert protocol['boxes'] == boxes and protocol['score_mode'] == mode and protocol['instances'] == len(entries)
    assert protocol['checkpoints'][0]['file'] == f'{kind}_0.pth' and protocol['inference'] == dict(dtype='float32')
