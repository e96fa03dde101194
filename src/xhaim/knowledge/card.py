"""A task card: what medicine says of a task's question, line by line, each with its public source.

Cards are written in own words; what they state are facts of the sources, whose addresses nobody has asked: nothing
here uses the network. A source that was found dead is said to be so wherever its lines are shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from xhaim.knowledge.rules import KnownSignal, Rule
from xhaim.knowledge.texts import Address, Day, Words, plain
from xhaim.label_rules import Strict
from xhaim.records import KnowledgeLine

OWN_WORDS = "own words"
Kind = Literal["definition", "sign", "mimic", "value", "criterion"]
PLACES: dict[str, Kind] = {
    "definition": "definition", "signs": "sign", "mimics": "mimic", "values": "value", "criteria": "criterion",
    "scores": "criterion",
}  # fmt: skip
"""Key of a card -> kind of its lines, in the order in which they are cited."""
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")]
Sentence = Annotated[str, Field(min_length=8, max_length=700), AfterValidator(plain)]
Doi = Annotated[str, Field(pattern=r"^10\.[0-9]{4,9}/[A-Za-z0-9./()_;:-]{1,200}$")]


class Source(Strict):
    """A publication that anybody can find."""

    title: Words
    by: Words
    """Journal with volume and pages, or publisher."""
    date: Day | None = None
    """ISO day, month or year of publication; ``None`` where it gives none."""
    doi: Doi | None = None
    url: Address | None = None
    """One of ``doi`` and ``url`` is given."""
    licence: Words = OWN_WORDS
    dead: dt.date | None = None
    """The day on which its address was found dead, or it was found to be withdrawn."""

    @property
    def described(self) -> str:
        """Return ``Title, journal, year``, and that it is dead where it is."""
        gone = f" (could no longer be found on {self.dead})" if self.dead else ""
        year = f", {self.date[:4]}" if self.date else ""
        return f"{self.title}, {self.by}{year}{gone}"

    @property
    def link(self) -> str | None:
        """The address; ``None`` for a dead one."""
        return None if self.dead else f"https://doi.org/{self.doi}" if self.doi else self.url


class Line(Strict):
    """A sentence and who says it."""

    text: Sentence
    source: str


class SpokenLine(Line):
    """A sign or a mimic, and the words by which a patient's record would name it."""

    terms: Annotated[tuple[Words, ...], Field(min_length=1)]


class ValueLine(Line):
    """What a value means."""

    signal: KnownSignal


class CriterionLine(Line):
    """A criterion that can be read from a record."""

    id: Name
    name: Words
    """Short: ``respiratory rate of at least 30``."""
    rule: Annotated[Rule, Field(discriminator="kind")]


class ScoreLine(Line):
    """A score of criteria, one point each."""

    id: Name
    name: Words
    parts: Annotated[tuple[Name, ...], Field(min_length=2, max_length=20)]
    """Ids of criteria: all that the published score has, so that the count is of the whole."""
    met_from: Annotated[int, Field(ge=1)]
    """Points from which the score is met."""


class Card(Strict):
    """What is known of a task's question."""

    task: Name
    written: dt.date
    """Day on which its lines were written, or last read through."""
    sources: Annotated[dict[Name, Source], Field(min_length=1)]
    definition: Annotated[tuple[Line, ...], Field(min_length=1)]
    signs: tuple[SpokenLine, ...] = ()
    mimics: tuple[SpokenLine, ...] = ()
    values: tuple[ValueLine, ...] = ()
    criteria: tuple[CriterionLine, ...] = ()
    scores: tuple[ScoreLine, ...] = ()

    def lines(self) -> tuple[KnowledgeLine, ...]:
        """Return all lines in the card's order: definition, signs, mimics, values, criteria, scores."""
        return tuple(self.line(name, at) for name in PLACES for at in range(len(getattr(self, name))))

    def line(self, place: str, at: int) -> KnowledgeLine:
        """Return one line: ``place`` is the card's key (``signs``), ``at`` its place there, from 0."""
        one: Line = getattr(self, place)[at]
        source = self.sources[one.source]
        kind = PLACES[place]
        number = at + 1 + (len(self.criteria) if place == "scores" else 0)
        return KnowledgeLine(
            line_id=f"{self.task}:{kind}:{number}",
            kind=kind,
            text=one.text,
            source=source.described,
            url=source.link,
            licence=source.licence,
            date=source.date,
        )

    def faults(self) -> Iterator[str]:
        """Give what the fields alone cannot tell, each with its path in the file."""
        for key, source in self.sources.items():
            if (source.doi is None) == (source.url is None):
                yield f"$.sources.{key}: doi and url; expected one of them, so that a reader can find it"
        for place in PLACES:
            for at, one in enumerate(getattr(self, place)):
                if one.source not in self.sources:
                    known = ", ".join(sorted(self.sources))
                    yield f"$.{place}[{at}].source: got {one.source!r}; expected one of {known}"
        yield from self._faults_of_ids()

    def _faults_of_ids(self) -> Iterator[str]:
        known = [one.id for one in self.criteria]
        ids = [*known, *(one.id for one in self.scores)]
        places = [
            *(f"criteria[{at}]" for at in range(len(known))),
            *(f"scores[{at}]" for at in range(len(self.scores))),
        ]
        for at, (name, place) in enumerate(zip(ids, places, strict=True)):
            if name in ids[:at]:
                yield f"$.{place}.id: got {name!r} twice; expected another id"
        for at, score in enumerate(self.scores):
            yield from (
                f"$.scores[{at}].parts: got {part!r}; expected the id of a criterion"
                for part in score.parts
                if part not in known
            )
            if len(set(score.parts)) < len(score.parts) or score.met_from > len(score.parts):
                yield f"$.scores[{at}]: got {score.met_from} of {', '.join(score.parts)}; expected each part once"
