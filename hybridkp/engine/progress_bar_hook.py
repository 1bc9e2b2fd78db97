"""A progress bar in place of log lines."""

import logging

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """Show training's progress, loss and last score on standard error, and keep the log to its file.

    Where standard error is no terminal, one line an evaluation is printed instead.
    """

    priority = 'VERY_LOW'

    def __init__(self):
        self.console = Console(stderr=True)
        self.progress: Progress | None = None
        self.score = ''

    def before_train(self, runner: Runner) -> None:
        """Quieten the log on the screen and start the bar."""
        if not is_main_process():
            return
        for handler in runner.logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.setLevel(logging.WARNING)
        columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TextColumn('epochs'))
        self.progress = Progress(
            *columns, TimeElapsedColumn(), TextColumn('eta'), TimeRemainingColumn(), console=self.console
        )
        self.task = self.progress.add_task('training', total=runner.max_epochs, completed=runner.epoch)
        if self.console.is_terminal:
            self.progress.start()

    def after_train_epoch(self, runner: Runner) -> None:
        """Advance the bar."""
        if self.progress is not None:
            loss = runner.message_hub.get_scalar('train/loss').mean(10)
            self.progress.update(self.task, advance=1, description=f'training  loss {loss:.3f}{self.score}')

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Show the scores of an evaluation."""
        if self.progress is not None and metrics:
            self.score = ''.join(f'  {name} {value:.3f}' for name, value in list(metrics.items())[:1])
            if not self.console.is_terminal:
                self.console.print(f'epoch {runner.epoch}/{runner.max_epochs}{self.score}', highlight=False)

    def after_train(self, runner: Runner) -> None:
        """Stop the bar."""
        if self.progress is not None:
            self.progress.stop()
