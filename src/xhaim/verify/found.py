"""What was found of an explanation, sentence by sentence: what a reader is told, and what a judge starts from."""

from __future__ import annotations

from dataclasses import dataclass

from xhaim.text.values import printable
from xhaim.verify.check import ClaimVerdict
from xhaim.verify.citations import Quality


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, what is wrong with it and its citations, and what is found of each of its claims."""

    text: str
    faults: tuple[str, ...]
    """``kind: what is wrong``; without words of the record."""
    claims: tuple[ClaimVerdict, ...]
    """Empty for a sentence that claims nothing of the patient."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found of an explanation."""

    sentences: tuple[Sentence, ...]
    faults: tuple[str, ...]
    """Of the whole, and of citations that no sentence uses."""
    resolved: int
    """Citations that are exactly a source of this record, known before the prediction."""
    citations: int
    supported: float | None
    """Share of the claims that are supported; ``None`` without any."""
    quality: Quality

    @property
    def holds(self) -> bool:
        """Say whether nothing at all was found."""
        return not self.faults and not any(
            one.faults or any(claim.verdict != "supported" for claim in one.claims) for one in self.sentences
        )

    def words(self) -> str:
        """Return it for a terminal: each sentence with what was found, then the figures."""
        lines = [f"! {fault}" for fault in self.faults]
        for one in self.sentences:
            told = [f"    {fault}" for fault in one.faults]
            for claim in one.claims:
                if claim.verdict != "supported":
                    told.append(f"    {claim.verdict} ({claim.fault}, {claim.weight}), by {claim.by}: {claim.reason}")
                    told.append(f"      {printable(claim.text)}")
            mark = "x" if told else "." if one.claims else " "
            lines += [f"{mark} {printable(one.text)}", *told]
        share, quality = self.supported, self.quality
        lines += [
            "",
            f"citations that resolve: {self.resolved} of {self.citations}",
            f"claims about the patient that are supported: {_share(share)}",
            f"citation recall {_share(quality.recall)}, precision {_share(quality.precision)} "
            f"({quality.sentences} sentences, {quality.citations} citations)",
            "Every check passed." if self.holds else "Something does not hold: see the lines marked x and !.",
        ]
        return "\n".join(lines)


def _share(value: float | None) -> str:
    return "none to judge" if value is None else f"{100 * value:.0f} %"
