"""Classes of the data and outputs of the head."""

from types import SimpleNamespace

import pytest

from hybridkp.engine.class_count_hook import ClassCountHook
from hybridkp.errors import InputError


def runner(count, train, val=None, topk=1):
    """Give what the hook looks at of a runner."""
    loaders = [SimpleNamespace(dataset=SimpleNamespace(metainfo=meta)) for meta in (train, val or train)]
    evaluator = SimpleNamespace(metrics=[SimpleNamespace(topk=(1, topk)), SimpleNamespace()])
    return SimpleNamespace(
        cfg=SimpleNamespace(filename='my.py'),
        model=SimpleNamespace(head=SimpleNamespace(num_classes=count)),
        train_dataloader=loaders[0],
        val_dataloader=loaders[1],
        test_dataloader=loaders[1],
        val_loop=object(),
        val_evaluator=evaluator,
        test_evaluator=evaluator,
    )


def classes(count):
    return dict(classes=tuple('abcdefghij'[:count]))


def test_what_fits_passes():
    for given in (runner(3, classes(3), topk=3), runner(4, dict(dataset_name='ImageFolder'))):
        ClassCountHook().before_train(given)
        ClassCountHook().before_test(given)
    alone = runner(3, classes(3), classes(4))
    alone.val_loop = None
    ClassCountHook().before_train(alone)


@pytest.mark.parametrize('count', [2, 5])
def test_another_number_is_refused_with_the_option(count):
    said = rf'num_classes is {count}, but the data have 4 classes \(a, b, c, \.\.\.\); .*model.head.num_classes=4$'
    for given in (runner(count, classes(4)), runner(count, classes(count), classes(4))):
        with pytest.raises(InputError, match=f'config my.py: .*{said}'):
            ClassCountHook().before_train(given)
    with pytest.raises(InputError, match=said):
        ClassCountHook().before_test(runner(count, classes(4)))


def test_a_model_of_several_processes():
    given = runner(2, classes(3))
    given.model = SimpleNamespace(module=given.model)
    with pytest.raises(InputError, match='num_classes is 2'):
        ClassCountHook().before_train(given)


def test_too_few_classes_for_a_metric():
    with pytest.raises(InputError, match='at most the 3 classes, got top-5; .*val_evaluator.topk=1'):
        ClassCountHook().before_train(runner(3, classes(3), topk=5))
    with pytest.raises(InputError, match='got top-5'):
        ClassCountHook().before_test(runner(3, classes(3), topk=5))


def test_other_numbers_of_categories_are_refused():
    train, val = (dict(classes=('cat', 'dog'), category_ids=ids) for ids in ([1, 2], [1, 3]))
    with pytest.raises(InputError, match=r'^the data: expected the categories \[1, 2\] of the data, got \[1, 3\]$'):
        ClassCountHook().before_train(runner(2, train, val))
    ClassCountHook().before_train(runner(2, train, train))
