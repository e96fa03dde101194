"""Evidence taken out of a sample's input again: what each citation of an explanation stands for, and what is said."""

from __future__ import annotations

from dataclasses import dataclass

from xhaim.evaluate.wording import MEASURABLE, MINUS, percent, share
from xhaim.explain.candidates import candidates
from xhaim.explain.facts import ModelFacts, Removal, RiskWithout
from xhaim.explain.measured import Measured
from xhaim.explain.said import cites, key_of
from xhaim.records import Citation, Explanation
from xhaim.run.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Pieces:
    """What can be taken out of one sample's input."""

    facts: ModelFacts
    risk_without: RiskWithout
    removals: dict[tuple[str, str, int | None, int | None], Removal]
    """Key of a citation -> what was taken out for its effect."""

    @classmethod
    def of(cls, mine: Prepared) -> Pieces:
        """Return the pieces of a sample."""
        facts, most = mine.facts(), mine.run.settings.explain.max_measurements
        pieces, _ = candidates(mine.record, mine.task, mine.evidence, mine.summaries, most, facts.films)
        removals = {
            key_of(citation): piece.removal
            for piece in pieces
            for citation in cites(Measured(piece, None, "not asked"))
        }
        return cls(facts, mine.measuring(), removals)

    def without(self, explanation: Explanation, markers: set[int]) -> tuple[float, float]:
        """Return the risk with everything, and without the cited evidence of these markers."""
        chosen = [one for one in explanation.citations if one.marker in markers]
        out = Removal.of(self.removals.get(key_of(one), _own(one)) for one in chosen)
        plain, rest = self.risk_without([Removal(), out])
        return self.facts.risk, min(1.0, max(0.0, rest + self.facts.risk - plain))


def _own(citation: Citation) -> Removal:
    """Take out a value that no effect was measured of; words of no retrieved chunk were never an input."""
    if citation.kind == "measurement":
        return Removal(measurement_ids=frozenset({citation.source_id}))
    return Removal()


def without_words(before: float, after: float, threshold: float | None, markers: set[int]) -> str:
    """Say what the risk is without some evidence: ``Without [1] and [3] the risk would be 49 % (-22 points), ...``."""
    names = " ".join(f"[{marker}]" for marker in sorted(markers))
    change = after - before
    if abs(change) < MEASURABLE:
        return f"Without {names} the risk stays {percent(before)}: no measurable effect (under 0.5 points)."
    points = f"{100 * change:+.0f}" if abs(change) >= 0.0095 else f"{100 * change:+.1f}"
    said = f"Without {names} the risk would be {percent(after)} ({points.replace('-', MINUS)} points)"
    if threshold is None:
        return f"{said}."
    was, now = before >= threshold, after >= threshold
    side = "at or above" if now else "below"
    kept = "still " if was == now else ""
    return f"{said}, {kept}{side} the operating point of {share(threshold)}."
