"""Which names are mirror images of each other."""

import pytest

from hybridkp.datasets.mirror_names import lateral_names, mirrored_pairs


@pytest.mark.parametrize(
    'left, right',
    [
        ('left_eye', 'right_eye'),
        ('leftear', 'rightear'),
        ('leftEye', 'rightEye'),
        ('eyeLeft', 'eyeRight'),
        ('LEFT EYE', 'RIGHT EYE'),
        ('Left-Eye', 'Right-Eye'),
        ('L_Eye', 'R_Eye'),
        ('LEye', 'REye'),
        ('eye.l', 'eye.r'),
        ('eye_L', 'eye_R'),
        ('LtPaw', 'RtPaw'),
        ('LF_paw', 'RF_paw'),
        ('FL_paw', 'FR_paw'),
        ('L_F_Paw', 'R_F_Paw'),
        ('lear', 'rear'),
        ('upper_left_lip2', 'upper_right_lip2'),
    ],
)
def test_pairs(left, right):
    assert mirrored_pairs(['nose', right, 'tail', left]) == [(left, right)]


@pytest.mark.parametrize(
    'names',
    [
        ['nose', 'left_eye', 'right_ear'],
        ['LL', 'UL', 'LI', 'UI', 'Pog'],  # lips and incisors
        ['cleft', 'bright'],
        ['left', 'middle'],
        [],
    ],
)
def test_no_pairs(names):
    assert mirrored_pairs(names) == []


def test_each_name_is_in_one_pair():
    names = ['FL', 'FR', 'RL', 'RR']  # front and rear
    assert mirrored_pairs(names) == [('FL', 'FR'), ('RL', 'RR')]
    assert mirrored_pairs(['LF', 'RF', 'LR', 'RR']) == [('LF', 'RF'), ('LR', 'RR')]


def test_pairs_of_coco():
    sides = ['eye', 'ear', 'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle']
    names = ['nose', *(f'{side}_{part}' for part in sides for side in ('left', 'right'))]
    assert mirrored_pairs(names) == [(f'left_{part}', f'right_{part}') for part in sides]
    assert lateral_names(names) == names[1:]


def test_names_that_say_a_side():
    names = ['left_eye', 'leftear', 'L_Eye', 'cleft', 'bright', 'LL', 'copyright', 'nose', 'eye.r', 'paw1LH']
    assert lateral_names(names) == ['left_eye', 'leftear', 'L_Eye', 'eye.r']
