"""Comparing two result files as a user does: of two tests of one network, and of files of others."""

import json
import re
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOUSE = ROOT / 'tests/data/mirror_mouse'
COCO = ROOT / 'tests/data/coco/annotations/person_keypoints_val2017.json'
QUICK = ('--bootstrap', '20')


@pytest.fixture(scope='module')
def tested(trained, call, tmp_path_factory):
    """Result files of both checkpoints of a training, and of one of them with a flip test."""
    folder = tmp_path_factory.mktemp('tested')
    best = next(trained.work_dir.glob('best_*.pth'))
    work = ('--work-dir', folder / 'work')
    for name, checkpoint, options in (
        ('last', trained.checkpoint, ()),
        ('first', best, ()),
        ('flip', trained.checkpoint, ('--cfg-options', 'model.test_cfg.flip_test=True')),
    ):
        call('test', trained.config, checkpoint, *work, '--out', folder / f'{name}.json', *options)
        (folder / 'work/metrics.json').rename(folder / f'{name}_metrics.json')
    return types.SimpleNamespace(
        folder=folder, config=trained.config, **{n: folder / f'{n}.json' for n in ('last', 'first', 'flip')}
    )


@pytest.fixture
def people(tmp_path):
    """Result files of somebody else: one all right, one in which some people have left and right exchanged."""
    records = json.loads(COCO.read_text())
    right = []
    for one in records['annotations']:
        if one['num_keypoints'] and not one['iscrowd']:
            right.append(dict(image_id=one['image_id'], category_id=1, keypoints=one['keypoints'], score=0.9))
    wrong = json.loads(json.dumps(right))
    for entry in wrong[::4]:
        points = [entry['keypoints'][i : i + 3] for i in range(0, 51, 3)]
        order = [0, *(i + side for i in range(1, 17, 2) for side in (1, 0))]
        entry['keypoints'] = [value for i in order for value in points[i]]
    for name, entries in (('right', right), ('wrong', wrong)):
        (tmp_path / f'{name}.json').write_text(json.dumps(entries))
    return tmp_path


def tables(text):
    """Give the rows of all tables by their first word."""
    rows = {}
    for line in text.splitlines():
        words = line.split()
        if words:
            rows.setdefault(words[0], words[1:])
    return rows


def test_two_checkpoints_of_a_training(tested, call, capsys):
    call('compare_results', tested.first, tested.last, *QUICK)
    text = capsys.readouterr().out
    assert 'WARNING' not in text and f'annotations  {MOUSE / "val.json"}, 9 images, 9 people' in text
    rows = tables(text)
    values = [float(word) for word in re.sub(r'\[.*?\]', '', ' '.join(rows['AP'])).split()[:2]]
    for name, value in zip(('first', 'last'), values, strict=True):
        metrics = json.loads((tested.folder / f'{name}_metrics.json').read_text())
        assert value == pytest.approx(metrics['coco/AP'], abs=6e-5)
        assert metrics['protocol'] == json.loads((tested.folder / f'{name}.json').read_text())[0]['protocol']
    assert {'keypoint', 'paw1LH_top', 'good', 'jitter', 'inversion', 'swap', 'miss'} <= set(rows)


def test_unlike_protocols_are_said_first(tested, call, capsys):
    call('compare_results', tested.last, tested.flip, *QUICK)
    text = capsys.readouterr().out
    assert 'WARNING: these numbers are not comparable\n  flip test: A no; B yes\n' in text.split('p bootstrap')[0]


def test_a_file_beside_itself(tested, call, capsys):
    call('compare_results', tested.last, tested.last, *QUICK)
    rows = tables(capsys.readouterr().out)
    assert rows['AP'][-2:] == ['1.0000', '1.0000'] and '+0.0000' in rows['AP']


def test_other_images_are_not_compared_unless_somebody_insists(tested, call, capsys, tmp_path):
    entries = json.loads(tested.last.read_text())
    entries[0]['protocol'] |= dict(images=8, images_sha256='0' * 64, annotations_sha256='1' * 64)
    (tmp_path / 'other.json').write_text(json.dumps(entries))
    arguments = ('compare_results', tested.last, tmp_path / 'other.json', *QUICK)
    with pytest.raises(SystemExit, match=r'error: .*expected results of the same images and annotations, .* --unlike'):
        call(*arguments)
    assert 'WARNING' in capsys.readouterr().out
    call(*arguments, '--unlike')
    text = capsys.readouterr().out
    assert 'images: A 9' in text and 'B was made with other annotations than' in text and 'p bootstrap' in text


def test_files_of_others(people, call, capsys):
    """One in four people is mirrored: mostly inversions, and it is they that cost what is lost."""
    call('compare_results', people / 'right.json', people / 'wrong.json', '--ann-file', COCO, *QUICK)
    text = capsys.readouterr().out
    assert 'nobody knows' in text and 'A does not say how it came about' in text and 'B does not say how' in text
    rows = tables(text)
    assert rows['AP'][0] == '1.0000' and float(rows['AP'][3]) < 0.7
    assert [rows[kind][0] for kind in ('jitter', 'inversion', 'swap', 'miss')] == ['0'] * 4
    assert int(rows['inversion'][2]) > 4 * int(rows['miss'][2]) > 0 == int(rows['swap'][2])
    assert float(rows['inversion'][5]) > 0.6 * (1 - float(rows['AP'][3])) > 10 * float(rows['swap'][5])
    assert float(rows['nose'][4]) == 0 > float(rows['left_eye'][4])  # a nose has no other side


def test_without_draws_there_are_no_intervals(people, call, capsys):
    call('compare_results', people / 'right.json', people / 'wrong.json', '--ann-file', COCO, '--bootstrap', 0)
    assert tables(capsys.readouterr().out)['AP'][-2:] == ['-', '-']


def test_suppression_can_be_asked_for(people, call, capsys):
    entries = json.loads((people / 'right.json').read_text())
    twice = [dict(entry, score=0.9 - i / 100) for i, entry in enumerate(entries) for _ in range(2)]
    (people / 'twice.json').write_text(json.dumps(twice))
    arguments = ('compare_results', people / 'right.json', people / 'twice.json', '--ann-file', COCO, *QUICK)
    found = []
    for options in ((), ('--nms', 0.9)):
        call(*arguments, *options)
        found.append(float(tables(capsys.readouterr().out)['AP'][3]))
    assert found[0] < 0.9 and found[1] > 0.97  # two people are all but on top of each other


def test_mistakes_end_with_a_sentence(people, tested, call, tmp_path):
    right, wrong = people / 'right.json', people / 'wrong.json'
    truth = ('--ann-file', COCO)
    cases = [
        ((right, wrong), 'expected --ann-file, .*: neither file says which one it was'),
        ((right, tmp_path / 'no.json', *truth), r'no\.json: there is no such file'),
        ((right, wrong, '--ann-file', tmp_path / 'no.json'), r'no\.json: there is no such file'),
        ((right, wrong, *truth, '--skeleton', tmp_path / 'no.py'), r'config .*no\.py does not exist'),
        ((right, wrong, *truth, '--skeleton', ROOT / 'configs/_base_/default_runtime.py'), 'expected a skeleton'),
        (
            (right, wrong, *truth, '--skeleton', ROOT / 'configs/_base_/skeletons/ceph19.py'),
            'of 17 keypoints, .*ceph19',
        ),
        ((right, tested.last, *truth), r'last\.json: entry 0: expected the id of an image of the annotations'),
        ((right, wrong, *truth, '--bootstrap', -1), '--bootstrap: expected a number of at least 0, got -1'),
        ((right, wrong, *truth, '--nms', 'nan'), '--nms: expected a similarity from 0 to 1, got nan'),
    ]
    for arguments, message in cases:
        with pytest.raises(SystemExit, match=f'error: .*{message}'):
            call('compare_results', *arguments)
    records = json.loads(COCO.read_text())
    records['categories'][0]['keypoints'].reverse()  # 17 keypoints, but others
    (tmp_path / 'others.json').write_text(json.dumps(records))
    with pytest.raises(SystemExit, match='expected --skeleton, a config with a skeleton of 17 keypoints'):
        call('compare_results', right, wrong, '--ann-file', tmp_path / 'others.json')
    (tmp_path / 'nobody.json').write_text(json.dumps(dict(images=[], annotations=[])))
    with pytest.raises(SystemExit, match=r'nobody\.json: expected annotated people, got none'):
        call('compare_results', right, wrong, '--ann-file', tmp_path / 'nobody.json')
