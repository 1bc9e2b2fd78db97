"""What is known of the checkpoints of someone else."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor


class CheckpointSource(NamedTuple):
    """Where checkpoints come from, and what their parameters become.

    A row is a pattern of a whole name and a template of the name that it becomes. Groups of the pattern have names;
    one with a capital name is a number that counts from 1 there and from 0 in the template.

    Args:
        what: what the file is, for messages.
        rows: pairs of pattern and template.
        configs: paths below ``configs/``, without suffix, of the experiments that may fit.
        changes: functions of parameters whose values change, too, by the name that they become.
        dropped: patterns of names of what is not taken over, as it says again what another one says.
        whole_network: whether files may be pickled networks rather than parameters, see `read_network`.
    """

    what: str
    rows: Sequence[tuple[str, str]]
    configs: Sequence[str]
    changes: Mapping[str, Callable[[Tensor], Tensor]] = {}
    dropped: Sequence[str] = ()
    whole_network: bool = False

    def new_name(self, name: str) -> str | None:
        """Give what a name becomes, or None if there is no such name in these checkpoints."""
        for pattern, template in self.rows:
            match = re.fullmatch(pattern, name)
            if match:
                groups = match.groupdict()
                return template.format(**{k: int(text) - 1 if k.isupper() else text for k, text in groups.items()})
        return None

    def drops(self, name: str) -> bool:
        """Say whether a name is of what is not taken over."""
        return any(re.fullmatch(pattern, name) for pattern in self.dropped)
