"""Citation recall and precision of sentences (Gao et al. 2023, ALCE), with its two holes closed.

ALCE passes over a citation whose number is out of range, and counts [0] as the last document; here both are citations
that support nothing. A sentence whose support nobody could judge is not counted, and said to be so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Holds: TypeAlias = Callable[[str, Sequence[str]], bool | None]
"""Whether a sentence follows from texts, all of them together; ``None``: it could not be judged."""


@dataclass(frozen=True, slots=True)
class Cited:
    """A sentence and what its citations point to."""

    text: str
    evidence: tuple[str | None, ...]
    """In the order of its citations; ``None``: a citation that points nowhere."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Shares over sentences and citations; ``None`` where there are none that could be judged."""

    recall: float | None
    """Of the sentences, the share that follows from all that it cites; one without citations does not."""
    precision: float | None
    """Of the citations of all sentences, the share that is needed or enough."""
    sentences: int
    citations: int
    unjudged: int
    """Sentences of which nobody could say whether they follow."""


def citation_quality(sentences: Sequence[Cited], holds: Holds) -> Quality:
    """Judge every sentence and citation.

    A citation is precise where its sentence follows from all that is cited and, besides, from this citation alone, or
    not from the others. Nothing that points nowhere is precise.
    """
    recalled = precise = every = judged = unjudged = 0
    for one in sentences:
        texts = [text for text in one.evidence if text is not None]
        whole = holds(one.text, texts) if texts else False
        if whole is None:
            unjudged += 1
            continue
        judged += 1
        recalled += whole
        every += len(one.evidence)
        if whole:
            precise += sum(_needed(one.text, at, one.evidence, holds) for at in range(len(one.evidence)))
    return Quality(recalled / judged if judged else None, precise / every if every else None, judged, every, unjudged)


def _needed(text: str, at: int, evidence: Sequence[str | None], holds: Holds) -> bool:
    mine = evidence[at]
    if mine is None:
        return False
    others = [one for place, one in enumerate(evidence) if place != at and one is not None]
    return bool(holds(text, [mine])) or not (others and holds(text, others))
