"""What a report is about: which kind of set, where things are, and what is wrong with them."""

import json
from pathlib import Path

import pytest

from hybridkp.errors import InputError
from hybridkp.inference.report_source import ReportSource

SHIFTS = [[[0, 0]] * 3] * 4


def test_what_the_annotations_hold_decides(heads, people):
    assert heads(SHIFTS).is_landmark_set and heads(SHIFTS).unit == 'mm'
    with_readers = heads(SHIFTS, spacing=None, readers=dict(junior=0, senior=0))
    assert with_readers.is_landmark_set and with_readers.unit == 'px'
    assert not heads(SHIFTS, spacing=None).is_landmark_set
    assert not people().is_landmark_set


def rewritten(source, change):
    """Change the annotations of a source and read it again."""
    records = json.loads(Path(source.ann_file).read_text())
    change(records)
    Path(source.ann_file).write_text(json.dumps(records))
    return ReportSource(source.path, source.ann_file, None, None)


def test_two_instances_in_an_image_are_people(heads):
    def second(records):
        records['annotations'].append(records['annotations'][0] | dict(id=99))

    assert not rewritten(heads(SHIFTS), second).is_landmark_set

    def crowd(records):
        records['annotations'][-1]['iscrowd'] = 1

    assert rewritten(heads(SHIFTS), lambda records: (second(records), crowd(records))).is_landmark_set


def test_a_spacing_of_the_set_counts_and_of_some_images_does_not(heads):
    def of_the_set(records):
        records['info'] = dict(pixel_spacing=0.25)

    source = rewritten(heads(SHIFTS, spacing=None), of_the_set)
    assert source.is_landmark_set and source.spacing(1) == (0.25, 0.25)

    def of_some(records):
        del records['images'][0]['pixel_spacing']

    assert not rewritten(heads(SHIFTS), of_some).is_landmark_set


def test_an_image_without_an_instance_needs_no_spacing(heads):
    def empty(records):
        records['images'].append(dict(id=77, file_name='no.png', width=9, height=9))

    assert rewritten(heads(SHIFTS), empty).unit == 'mm'


def test_names_links_and_mirrored_keypoints(people, heads, coco17):
    source = people()
    assert source.names == coco17['keypoints'] and source.meta['flip_indices'][1] == 2
    assert len(source.meta['skeleton_links']) == 19 and source.nouns == ('person', 'people')
    source = heads(SHIFTS)
    assert source.names == ['S', 'N', 'A'] and source.meta['skeleton_links'] == [(0, 1)]
    assert source.nouns == ('instance', 'instances')

    def unnamed(records):
        del records['categories'][0]['keypoints']

    assert rewritten(source, unnamed).names == ['keypoint 0', 'keypoint 1', 'keypoint 2']


def test_a_skeleton_that_is_given_wins(people, coco17):
    renamed = coco17 | dict(sigmas=[0.1] * 17, links=[])
    source = people(skeleton=renamed)
    assert source.sigmas().sigmas.tolist() == pytest.approx([0.1] * 17) and not source.meta['skeleton_links']


def test_the_usual_skeleton_is_taken_by_its_names_only(people, coco17):
    ann_file = people().ann_file
    source = people(protocol=False, ann_file=ann_file, usual=coco17)
    assert source.sigmas().sigmas.tolist() == pytest.approx(coco17['sigmas']) and source.skeleton.flip_indices[1] == 2
    assert people(usual=coco17 | dict(sigmas=[9.0] * 17)).sigmas().sigmas[0] == 0.026  # the protocol says it
    others = coco17['keypoints'][::-1]
    assert people(protocol=False, ann_file=ann_file, usual=coco17 | dict(keypoints=others)).skeleton is None


def test_images_are_found_or_named(people, heads, tmp_path):
    assert people().folder.name == 'val2017'
    assert heads(SHIFTS).folder == tmp_path / 'images' and heads(SHIFTS).picture(1).shape == (100, 120, 3)
    (tmp_path / 'images').rename(tmp_path / 'elsewhere')
    source = heads(SHIFTS, images=False)
    assert source.folder is None
    named = ReportSource(source.path, source.ann_file, str(tmp_path / 'elsewhere'), None)
    assert named.picture(2).shape == (100, 120, 3)
    (tmp_path / 'elsewhere/002.png').unlink()
    with pytest.raises(FileNotFoundError, match='002.png: there is no such image file'):
        named.picture(2)
    with pytest.raises(FileNotFoundError, match='--img-root .*nowhere: there is no such folder'):
        ReportSource(source.path, source.ann_file, str(tmp_path / 'nowhere'), None)


def test_an_image_of_another_size_is_refused(heads):
    def larger(records):
        records['images'][0]['width'] = 500

    with pytest.raises(InputError, match=r'001.png.*expected the annotated image size 500 x 100.*got 120 x 100'):
        rewritten(heads(SHIFTS), larger).picture(1)


def test_results_without_a_protocol(people):
    with pytest.raises(InputError, match='people.json: expected a protocol that names the annotations, got none; give'):
        people(protocol=False)
    ann_file = people().ann_file
    with pytest.raises(InputError, match='people.json: expected a protocol that says the OKS sigmas.*--skeleton'):
        people(protocol=False, ann_file=ann_file).sigmas()


def test_annotations_that_changed(people, tmp_path):
    source = people()
    entries = json.loads(Path(source.path).read_text())
    entries[0]['protocol']['annotations_sha256'] = '0' * 64
    Path(source.path).write_text(json.dumps(entries))
    with pytest.raises(InputError, match='got .*val2017.json, which is not there or has changed; give --ann-file'):
        ReportSource(source.path, None, None, None)


def test_another_skeleton_is_refused(people, heads, coco17):
    heads(SHIFTS)
    with pytest.raises(InputError, match='the skeleton coco17: expected 3 keypoints as in .*heads.json, got 17'):
        source = heads(SHIFTS)
        ReportSource(source.path, source.ann_file, None, coco17)


def test_nothing_labelled(heads):
    with pytest.raises(InputError, match='heads.json: expected labelled keypoints to compare with, got none'):
        heads(SHIFTS, visible=(0, 0, 0))


def test_a_spacing_of_zero(heads):
    with pytest.raises(InputError, match='heads.json: image 1: expected a pixel_spacing'):
        heads(SHIFTS, spacing=0)
