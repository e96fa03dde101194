"""Does a judge prefer the words of its own family? Its gap between writers, less that of the deterministic critic."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from xhaim.judge.audit import Trial
from xhaim.judge.family import same_family
from xhaim.records import Verdict

NAME = "preference for its own family's words"
AT_MOST = 0.2


def self_preference(rater: str, verdicts: Sequence[tuple[str, Verdict, Verdict]]) -> Trial:
    """Compare writers. ``verdicts``: the writer, the judge's verdict and the critic's, of each explanation.

    The critic's gap stands for what is truly better, as far as it can be counted. Not applicable where nobody of the
    judge's family wrote, or nobody else did.
    """
    wanted = f"gap of at most {AT_MOST:g} above the critic's"
    own, others = list[float](), list[float]()
    for writer, said, counted in verdicts:
        both = [
            score - known
            for name, score in said.scores.items()
            if score is not None and (known := counted.scores.get(name)) is not None
        ]
        if both:
            (own if same_family(rater, writer) else others).append(mean(both))
    if not own or not others:
        writers = ", ".join(sorted({writer for writer, _, _ in verdicts})) or "nobody"
        told = f"not applicable: written by {writers[:80]}; it takes the judge's family and another"
        return Trial(NAME, 0, None, wanted, None, told)
    gap = mean(own) - mean(others)
    told = f"{len(own)} explanations of its own family, {len(others)} of others"
    return Trial(NAME, len(own) + len(others), gap, wanted, gap <= AT_MOST, told)
