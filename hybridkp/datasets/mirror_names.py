"""Which keypoints change places in a mirror, by their names."""

import re
from collections.abc import Iterator, Sequence

WORDS = re.compile(r'[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+')
SHORT = {'l': 'r', 'lt': 'rt'}
"""Words that say left, and what says right in their place."""


def mirrored_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pair left names with right ones: ``left_eye``, ``leftEye``, ``L_Eye``, ``LEye``, ``eye.l``, ``LF_paw``, ``lear``.

    Two names are a pair if one becomes the other when one word for left in it is replaced by that for right.

    Args:
        names: of all keypoints.

    Returns:
        Pairs (left, right) in the order of the names, each name in one pair at most.
    """
    known, taken, pairs = set(names), set(), []
    for name in names:
        for other in _right_names(name):
            if other in known and not {name, other} & taken:
                pairs.append((name, other))
                taken |= {name, other}
    return pairs


def lateral_names(names: Sequence[str]) -> list[str]:
    """Give the names that have a word that is, or begins with, left or right."""
    return [name for name in names if any(_is_side(match[0]) for match in WORDS.finditer(name))]


def _is_side(word: str) -> bool:
    return word.lower().startswith(('left', 'right')) or word.lower() in ('l', 'r')


def _right_names(name: str) -> Iterator[str]:
    """Give what a name may become when a word for left in it is replaced."""
    for match in re.finditer('left', name, re.IGNORECASE):
        yield _replaced(name, match.span(), _like(match[0], 'right'))
    for match in WORDS.finditer(name):
        word, (start, end) = match[0], match.span()
        if word.lower() in SHORT:
            yield _replaced(name, (start, end), _like(word, SHORT[word.lower()]))
        if word.isupper() and len(word) == 2:  # LF, LH; FL, HL
            for place in range(2):
                if word[place] == 'L':
                    yield _replaced(name, (start + place, start + place + 1), 'R')
        if start == 0 and len(word) > 3 and word.startswith('l'):  # lear, lhip
            yield 'r' + name[1:]


def _replaced(name: str, span: tuple[int, int], word: str) -> str:
    return name[: span[0]] + word + name[span[1] :]


def _like(pattern: str, word: str) -> str:
    """Write a word in capitals as a pattern is."""
    if pattern.isupper():
        return word.upper()
    return word.capitalize() if pattern[0].isupper() else word
