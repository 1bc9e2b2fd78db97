"""A classifier with as many outputs as its data have classes."""

from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch.utils.data import Dataset

from hybridkp.errors import InputError

_NAMED = 3
"""How many classes a message names."""


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Refuse data with more or fewer classes than the model's head, or than a metric needs, before time is spent.

    Else torch says that some target is out of bounds, or nothing, and mmpretrain that a top-5 accuracy needs five
    classes, after the first epoch. Annotation files that number their categories differently are refused, too. Data
    sets without ``classes`` in their metainfo pass.
    """

    def before_train(self, runner: Runner) -> None:
        """Check what is trained and validated on."""
        _check(runner, runner.train_dataloader.dataset)
        if runner.val_loop is not None:
            _check(runner, runner.val_dataloader.dataset, runner.val_evaluator)
            _check_numbers(runner)

    def before_test(self, runner: Runner) -> None:
        """Check what is tested on."""
        _check(runner, runner.test_dataloader.dataset, runner.test_evaluator)


def _check(runner: Runner, dataset: Dataset, evaluator: Evaluator | None = None) -> None:
    """Compare a head with its data and metrics."""
    count = getattr(runner.model, 'module', runner.model).head.num_classes
    classes = dataset.metainfo.get('classes')
    if classes is not None and len(classes) != count:
        named = ', '.join(classes[:_NAMED]) + (', ...' if len(classes) > _NAMED else '')
        raise InputError(
            f'config {runner.cfg.filename}: model.head.num_classes is {count}, but the data have {len(classes)} '
            f'classes ({named}); say --cfg-options model.head.num_classes={len(classes)}'
        )
    if evaluator is None:
        return
    largest = max(max(getattr(metric, 'topk', (1,))) for metric in evaluator.metrics)
    if largest > count:
        raise InputError(
            f'config {runner.cfg.filename}: expected accuracies among at most the {count} classes, got top-{largest}; '
            'say --cfg-options val_evaluator.topk=1 test_evaluator.topk=1'
        )


def _check_numbers(runner: Runner) -> None:
    """Compare the categories' numbers of what is trained and validated on: the n-th of both is the n-th class."""
    datasets = runner.train_dataloader.dataset, runner.val_dataloader.dataset
    train, val = (dataset.metainfo.get('category_ids') for dataset in datasets)
    if train is not None and val is not None and train != val:
        files = [getattr(dataset, 'ann_file', 'the data') for dataset in datasets]
        raise InputError(f'{files[1]}: expected the categories {train} of {files[0]}, got {val}')
