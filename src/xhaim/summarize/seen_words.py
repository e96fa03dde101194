"""Whether a vision model's own sentence says no more than pixels can show, and nothing against its own findings."""

from __future__ import annotations

import re
from collections.abc import Mapping

from xhaim.llm.names import find_names
from xhaim.records import Polarity
from xhaim.summarize.hostile import without_orders
from xhaim.text.polarity import mentions

LONGEST = 200
"""Characters of one."""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z ,;:'()/-]*\.?")
"""One sentence of letters: no digits (pixels have no scale), no markup, no address, no other script, none unseen."""
_BEYOND = re.compile(
    r"\b(?:report\w*|history|historical|known|radiologist\w*|clinical\w*|patient'?s? (?:name|id|is|has|was|had)|mrn"
    r"|probabilit\w*|likelihood|risk\w*|score\w*|predict\w*|prognos\w*|mortality|diagnos\w*|recommend\w*|suggest\w*"
    r"|advis\w*|should|must|treat\w*|admit\w*|discharged?|label\w*|correlat\w*)\b",
    re.IGNORECASE,
)
"""What an image cannot show."""
_EARLIER = re.compile(
    r"\b(?:prior|previous\w*|earlier|compar\w+|interval|since|again|new(?:ly)?|unchanged|stable|increas\w+|decreas\w+"
    r"|worse\w*|improv\w+|resol\w+|progress\w+|larger|smaller|persist\w*)\b",
    re.IGNORECASE,
)
_SIDE = re.compile(r"\b(left|right|bilateral(?:ly)?|both)\b", re.IGNORECASE)
_NAMED = re.compile(r"(?<=[\w,;] )[A-Z][a-z]+")
_READ_AS: Mapping[str, Polarity] = {"present": "affirmed", "absent": "negated", "uncertain": "uncertain"}


def holds(words: str, states: Mapping[str, str], side: str | None, *, compared: bool) -> bool:
    """Say whether a sentence on a finding of this ``side`` may stand.

    It is one plain sentence without figures, names, orders to a model or anything an image cannot show; it names no
    side but that (``both``: any), speaks of change only where the model was shown an earlier image (``compared``), and
    says of every finding of ``states`` that it names what its state says.
    """
    if len(words) > LONGEST or not _PLAIN.fullmatch(words):
        return False
    if _BEYOND.search(words) or any(find_names(words)) or _NAMED.search(words) or without_orders(words)[0] != words:
        return False
    if not compared and _EARLIER.search(words):
        return False
    named = {found.lower() for found in _SIDE.findall(words)}
    if side != "both" and named - ({side} if side else set()):
        return False
    return all(_READ_AS.get(states[one.term]) == one.polarity for one in mentions(words, tuple(states)))
