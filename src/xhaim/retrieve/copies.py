"""Text copied forward: an older chunk whose sentences all stand, one after the other, in a newer one.

Alike is not enough. "Small left effusion" and "small right effusion", "3 mm" and "8 mm", "increased" and "decreased"
are near by cosine, and by the share of words that two texts have in common the nearer the longer the texts are. So
nothing is measured here, and there is no threshold: what is hidden is there to be read in what is shown.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from xhaim.text.sentences import sentences

_MARKS = ".,;:"
"""At the end of a word, where they state nothing. A question mark is a doubt, a sign before a number is part of it."""


def copies(texts: Sequence[str], said: Sequence[Hashable]) -> dict[int, list[int]]:
    """Return the rows to show -> the rows of their older copies, both in order; each row is in one place.

    ``texts`` are ordered newest first. ``said`` is how each is understood (how it was read, its section): a chunk that
    is understood otherwise is no copy, whatever its words. Where several rows hold an older one, it goes to the first.
    Letter case, white space and the marks after words may differ.
    """
    shown: dict[int, list[int]] = {}
    whole: dict[int, str] = {}
    holding: dict[tuple[Hashable, str], dict[int, None]] = {}
    for row, (text, understood) in enumerate(zip(texts, said, strict=True)):
        lines = _lines(text)
        stretch = "\n".join(["", *lines, ""])
        keys = [(understood, line) for line in dict.fromkeys(lines)]
        fewest, *others = sorted((holding.get(key, {}) for key in keys), key=len) or [{}]
        newer = (at for at in fewest if all(at in each for each in others) and stretch in whole[at])
        first = next(newer, None)
        if first is not None:
            shown[first].append(row)
        else:
            shown[row] = []
            whole[row] = stretch
            for key in keys:
                holding.setdefault(key, {})[row] = None
    return shown


def _lines(text: str) -> list[str]:
    """Return the sentences, each as its words in one case with one space between them."""
    split = (text[start:end].casefold().split() for start, end in sentences(text))
    return [" ".join(filter(None, (word.rstrip(_MARKS) for word in words))) for words in split]
