"""Words that patients say for clinical ones, from ``lay.txt``."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files


def with_lay(text: str, told: Callable[[str, str], str]) -> str:
    """Return a text with every lay word replaced by ``told(lay word, clinical word)``, the longest first."""
    lay, pattern = _lay()
    return pattern.sub(lambda match: told(match.group(), lay[match.group().lower()]), text)


@cache
def _lay() -> tuple[dict[str, str], re.Pattern[str]]:
    found = {}
    for line in files("xhaim.verify").joinpath("lay.txt").read_text(encoding="utf-8").splitlines():
        clinical, _, words = line.partition(" = ")
        if words and not line.startswith("#"):
            found.update(dict.fromkeys(words.split(", "), clinical))
    longest_first = sorted(found, key=lambda word: (-len(word), word))
    return found, re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE)
