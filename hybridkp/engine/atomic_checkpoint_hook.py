"""Checkpoints that a kill at any moment leaves usable."""

from pathlib import Path

from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from hybridkp.engine.atomic_backend import AtomicBackend


class _DeferredRemoval(AtomicBackend):
    """An `AtomicBackend` that keeps a list of what to remove."""

    def __init__(self):
        self.pending: list[str] = []

    def remove(self, filepath: str) -> None:
        """Remember the file."""
        self.pending.append(filepath)

    def flush(self, folder: str, keep: set[str]) -> None:
        """Remove the remembered files but those in `keep` and those in other folders, which are another training's."""
        for path in self.pending:
            if path not in keep and Path(path).parent == Path(folder) and self.isfile(path):
                super().remove(path)
        self.pending.clear()


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's `CheckpointHook`, safe against being killed.

    Each file appears whole or not at all, and an older checkpoint is removed only after its successor is complete
    (mmengine removes first).

    The arguments are those of `CheckpointHook` that a config here uses.

    Args:
        interval: epochs (iterations without `by_epoch`) between two checkpoints.
        by_epoch: whether to count in epochs.
        max_keep_ckpts: how many checkpoints to keep beside the best; -1 for all.
        save_best: the metric that says which is best, e.g. ``'coco/AP'``; None keeps no best one.
        rule: ``'greater'`` or ``'less'``.
        save_last: whether to save after the last epoch in any case.
    """

    def __init__(
        self,
        interval: int = 1,
        by_epoch: bool = True,
        max_keep_ckpts: int = -1,
        save_best: str | None = None,
        rule: str | None = None,
        save_last: bool = True,
    ):
        super().__init__(
            interval=interval,
            by_epoch=by_epoch,
            max_keep_ckpts=max_keep_ckpts,
            save_best=save_best,
            rule=rule,
            save_last=save_last,
            backend_args=dict(backend='atomic'),
        )

    def before_train(self, runner: Runner) -> None:
        """Prepare as mmengine does, then take over the removal of files."""
        super().before_train(runner)
        self.file_backend = _DeferredRemoval()

    def after_train_epoch(self, runner: Runner) -> None:
        """Save, then remove what is superseded."""
        super().after_train_epoch(runner)
        self._flush()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Save, then remove what is superseded."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        self._flush()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        """Save the best checkpoint, then remove the one before."""
        super().after_val_epoch(runner, metrics)
        self._flush()

    def after_train(self, runner: Runner) -> None:
        """Save what a training that was stopped early ended with, which mmengine forgets."""
        step = runner.epoch if self.by_epoch else runner.iter
        if (
            self.save_last
            and runner.train_loop.stop_training
            and Path(str(self.last_ckpt)).name != self.filename_tmpl.format(step)
        ):
            self._save_checkpoint_with_step(runner, step, meta=dict(epoch=runner.epoch, iter=runner.iter))
            self._flush()
        super().after_train(runner)

    def _flush(self) -> None:
        """Remove superseded files; before training there are none."""
        if isinstance(getattr(self, 'file_backend', None), _DeferredRemoval):
            self.file_backend.flush(
                self.out_dir, keep={str(self.last_ckpt), str(getattr(self, 'best_ckpt_path', None))}
            )
