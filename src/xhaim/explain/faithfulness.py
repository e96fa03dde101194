"""Whether the cited evidence is what moves the risk: all of it taken out, it alone, and as much drawn at random.

Comprehensiveness and sufficiency (DeYoung et al. 2020, ERASER), of the calibrated risk, beside a control of the same
length: a citation that removes no more than chance would has explained nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from xhaim.explain import words
from xhaim.explain.attribution import Attribution, ask, is_risk
from xhaim.explain.facts import Films, ModelFacts, Removal, RiskWithout
from xhaim.explain.figures import whole_figures
from xhaim.explain.said import cite
from xhaim.explain.statements import Draft
from xhaim.records import Evidence, Faithfulness, Image, Modality, Record

NO_MORE_THAN_CHANCE = " That is no more than chance: the cited evidence is not what the risk rests on."


@dataclass(frozen=True, slots=True)
class Inventory:
    """All the words and values that the model read of one sample and that can be taken out."""

    words: Mapping[str, int]
    """Chunk id -> words; of copies the one that is shown."""
    copies: Mapping[str, frozenset[str]]
    """Chunk id -> itself and its copies, which go together."""
    values: tuple[str, ...]
    """Measurement ids, in order."""
    labelled: frozenset[int]
    """Earlier films whose labels are an input."""

    @classmethod
    def of(cls, record: Record, evidence: Mapping[Modality, Evidence], films: Films) -> Inventory:
        """Return what was retrieved for the sample, and every measurement and label that was known before t."""
        scored = {one.chunk.chunk_id: one for item in evidence.values() for one in item.chunks}
        now = record.sample.prediction_time
        return cls(
            {name: len(one.chunk.text.split()) for name, one in sorted(scored.items())},
            {name: frozenset({name, *one.also_in}) for name, one in scored.items()},
            tuple(sorted(one.measurement_id for one in record.measurements if one.known_at < now)),
            frozenset(films.labels),
        )

    @property
    def everything(self) -> Removal:
        """Take out all of it, and the images."""
        chunks = frozenset[str]().union(*self.copies.values())
        return Removal(chunks, frozenset(self.values), image=True, earlier_image=True, study_ids=self.labelled)

    def size(self, removal: Removal) -> tuple[int, int]:
        """Return how many words, copies not counted, and how many values a removal takes out."""
        chunks = [name for name in self.words if name in removal.chunk_ids]
        return sum(self.words[name] for name in chunks), len(removal.measurement_ids.intersection(self.values))

    def drawn(self, cited: Removal, rng: np.random.Generator) -> Removal:
        """Draw as many words, to the last whole chunk, and as many values as ``cited`` holds, from all others."""
        words, values = self.size(cited)
        others = [name for name in self.words if name not in cited.chunk_ids]
        chosen: set[str] = set()
        for place in rng.permutation(len(others)):
            if sum(self.words[name] for name in chosen) >= words:
                break
            chosen.add(others[place])
        left = [name for name in self.values if name not in cited.measurement_ids]
        places = rng.permutation(len(left))[:values]
        chunks = frozenset().union(*(self.copies[name] for name in chosen))
        return Removal(chunks, frozenset(left[place] for place in places))


def faithfulness(
    record: Record,
    task_id: str,
    evidence: Mapping[Modality, Evidence],
    attribution: Attribution,
    facts: ModelFacts,
    risk_without: RiskWithout,
) -> Faithfulness | None:
    """Measure the shown evidence as a whole, in one batch; ``None`` without cited words or values, or without a risk.

    The draws are decided by the sample and the task alone.
    """
    shown = [one for one in (*attribution.supporting, *attribution.opposing) if not one.piece.unread]
    if not shown or all(one.effect is None for one in shown):
        return None
    cited = Removal.of(one.piece.removal for one in shown)
    held = Inventory.of(record, evidence, facts.films)
    text = replace(cited, image=False, earlier_image=False)
    if text == Removal():
        return None
    rest = held.everything - cited
    rng = generator(record, task_id)
    draws = [held.drawn(text, rng) for _ in range(words.DRAWS)]
    risks = ask(risk_without, [Removal(), text, rest, *draws])
    if not all(is_risk(one) for one in risks):
        return None
    without, alone, *random = [_clipped(one + facts.risk - risks[0]) for one in risks[1:]]
    return Faithfulness(without, alone, tuple(random), _share(held, text, draws))


def _clipped(risk: float) -> float:
    return min(1.0, max(0.0, risk))


def generator(record: Record, task_id: str) -> np.random.Generator:
    """Return what draws for a sample: decided by the sample and the task alone."""
    seed = hashlib.sha256(f"{record.sample.sample_id}\0{task_id}".encode()).digest()[:8]
    return np.random.default_rng(int.from_bytes(seed, "big"))


def _share(held: Inventory, cited: Removal, draws: Sequence[Removal]) -> float:
    """Return the smallest size of a draw, of words or values, over that of what is cited; at most 1."""
    wanted = held.size(cited)
    shares = [got / want for draw in draws for got, want in zip(held.size(draw), wanted, strict=True) if want]
    return min(1.0, *shares) if shares else 1.0


def faithfulness_sentence(found: Faithfulness, attribution: Attribution, risk: float) -> Draft:
    """Say what all the cited words and values change at once, beside chance, and what the risk is with them alone."""
    without, change, chance, alone = whole_figures(found, risk)
    fewer = "" if found.drawn >= 1 else ", or all where there are fewer,"
    cited = (*attribution.supporting, *attribution.opposing)
    shown = [one for one in cited if not one.piece.unread and not isinstance(one.piece.source, Image)]
    chance_moves = fmean(abs(one - risk) for one in found.at_random)
    end = ""
    if chance_moves >= words.MIN_EFFECT and abs(found.without_cited - risk) <= chance_moves:
        cancels = max(one.size for one in shown) > chance_moves
        end = " What is cited for and against cancels out." if cancels else NO_MORE_THAN_CHANCE
    return Draft(
        "change",
        f"Without all the words and values cited for and against, at once, the risk would be {without} ({change}); as "
        f"many others{fewer} taken out at random change it by {chance} on average, in {words.DRAWN}. With the cited "
        f"evidence alone it would be {alone}.{end}",
        tuple(cite(one) for one in shown),
    )
