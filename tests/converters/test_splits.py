import pytest
import torch

from hybridkp.converters.splits import block_names, fold_coco, fold_names, part_coco, split_coco, split_names


def test_splits_are_those_of_random_split():
    fractions = dict(train=0.8, val=0.1, test=0.1)
    names = split_names(90, fractions, 42)
    parts = torch.utils.data.random_split(range(90), [72, 9, 9], torch.Generator().manual_seed(42))
    for name, part in zip(fractions, parts, strict=True):
        assert [i for i in range(90) if names[i] == name] == sorted(part)
    assert split_names(116, dict(train=0.8, test=0.2), 1) != split_names(116, dict(train=0.8, test=0.2), 2)
    assert split_names(100, dict(a=0.29, b=0.71), 0).count('a') == 29
    assert split_names(116, dict(train=0.8, test=0.2), 0).count('test') == 24


def test_splits_share_no_image():
    coco = dict(
        images=[dict(id=i) for i in range(10)],
        annotations=[dict(image_id=i // 2) for i in range(20)],
        categories=[1],
    )
    parts = split_coco(coco, dict(a=0.5, b=0.5), 0)
    ids = {name: {image['id'] for image in part['images']} for name, part in parts.items()}
    assert ids['a'] | ids['b'] == set(range(10)) and not ids['a'] & ids['b']
    assert all({a['image_id'] for a in parts[name]['annotations']} == ids[name] for name in parts)
    assert parts['a']['categories'] == [1]


@pytest.mark.parametrize('fractions', [{}, dict(a=0.5, b=0.6), dict(a=1.5, b=-0.5), dict(a=0.01, b=0.99)])
def test_wrong_fractions(fractions):
    with pytest.raises(ValueError, match='expected'):
        split_names(10, fractions, 0)


def test_folds_are_even_and_each_image_is_validated_on_once():
    coco = dict(images=[dict(id=7 * i) for i in range(11)], annotations=[dict(image_id=7 * i) for i in range(11)])
    folds = fold_coco(coco, fold_names(11, 4, 3))
    validated = [[image['id'] for image in fold['val']['images']] for fold in folds]
    assert sorted(sum(validated, [])) == [7 * i for i in range(11)]
    assert sorted(len(ids) for ids in validated) == [2, 3, 3, 3]
    for fold, ids in zip(folds, validated, strict=True):
        trained = [image['id'] for image in fold['train']['images']]
        assert set(trained) == {7 * i for i in range(11)} - set(ids) and trained == sorted(trained)
        assert [annotation['image_id'] for annotation in fold['val']['annotations']] == ids
    assert fold_coco(coco, fold_names(11, 4, 3)) == folds != fold_coco(coco, fold_names(11, 4, 4))


@pytest.mark.parametrize('folds', [-1, 0, 1, 12])
def test_wrong_folds(folds):
    with pytest.raises(ValueError, match=f'expected 2 folds to 11, one frame in each at least, got {folds}'):
        fold_names(11, folds, 0)
    with pytest.raises(ValueError, match=f'expected 2 blocks to 11, one frame in each at least, got {folds}'):
        block_names(11, folds)


def test_blocks_are_even_and_consecutive():
    assert block_names(11, 4) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]
    assert block_names(150, 4) == [0] * 38 + [1] * 37 + [2] * 38 + [3] * 37


def test_parts_by_hand():
    coco = dict(images=[dict(id=1), dict(id=2), dict(id=3)], annotations=[dict(image_id=2)], info=dict(a=1))
    parts = part_coco(coco, ['b', 'a', 'b'])
    assert parts['b'] == dict(images=[dict(id=1), dict(id=3)], annotations=[], info=dict(a=1))
    assert parts['a'] == dict(images=[dict(id=2)], annotations=[dict(image_id=2)], info=dict(a=1))
