"""What a reader should be told and is not: the part of an explanation's quality that can be counted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xhaim.records import Explanation, Issue

_FIGURE = re.compile(r"\d+(?:\.\d+)?")
_NEITHER = "evidence for or against"
"""Of the sentence that says that there is none on either side."""


def lacking(explanation: Explanation) -> tuple[Issue, ...]:
    """Return an issue for each part that is lacking, and one for sentences that are said again."""
    roles = {one.role for one in explanation.statements}
    open_words = " ".join(one.text for one in explanation.statements if one.role in ("missing", "limits"))
    parts = [
        *_of_risk(explanation),
        *(
            f"evidence {side}, or that there is none"
            for side in ("for", "against")
            if not roles & {side, "observed"} and f"evidence {side}" not in open_words and _NEITHER not in open_words
        ),
        *(words for role, words in (("missing", "what is missing"), ("limits", "its limits")) if role not in roles),
    ]
    texts = [plain(one.text) for one in explanation.statements]
    again = [place for place, text in enumerate(texts) if text in texts[:place]]
    issues = [Issue("quality", "minor", part, "") for part in parts]
    if again:
        told = "brevity: a sentence stands there again"
        issues.append(Issue("quality", "minor", told, explanation.statements[again[0]].text, again[0]))
    return tuple(issues)


def plain(text: str) -> str:
    """Return a sentence without case, spacing and its full stop: what makes two of them the same."""
    return " ".join(text.lower().split()).rstrip(".")


def _of_risk(explanation: Explanation) -> Iterator[str]:
    if explanation.risk is None:
        return
    said = " ".join(one.text for one in explanation.statements if one.role == "risk")
    if not (_says(said, explanation.low) and _says(said, explanation.high)):
        yield "the interval of the risk"
    if not _says(said, explanation.base_rate):
        yield "how often it is so among such patients"


def _says(text: str, share: float | None) -> bool:
    """Say whether a text holds a share in per cent, whole or with one decimal; it is written within 1 and 99."""
    if share is None:
        return False
    percent = 100 * share
    return bool({f"{min(99, max(1, round(percent)))}", f"{percent:.1f}"} & set(_FIGURE.findall(text)))
