"""The module that configs name in `custom_imports`: mends the installed packages, registers our classes."""

from hybridkp import stack

stack.mend()

from hybridkp import codecs, datasets, engine, evaluation, models  # noqa: E402, F401
