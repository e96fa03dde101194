"""Rules by which a criterion of a card is read from a record: values, changes, facts, words, and either of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from xhaim.knowledge.texts import Words
from xhaim.knowledge.thresholds import Comparison, checked
from xhaim.label_rules import Hours, Number, Strict, known_signal

KnownSignal = Annotated[str, AfterValidator(known_signal)]
Which = Literal["latest", "any"]


class ValueRule(Comparison):
    """A value of a signal on one side of a threshold."""

    kind: Literal["value"]
    signal: KnownSignal
    unit: str | None = None
    """Of the threshold: any that the catalogue can turn into the signal's own; none where the signal has none."""
    within_hours: Hours
    """Before the prediction time, by when it was measured; the limit itself counts."""
    which: Which = "latest"
    readable_from: Number | None = None
    """Lower values say nothing and are passed over: a verbal response of 1 may be a tube in the throat."""

    @model_validator(mode="after")
    def _in_the_catalogues_unit(self) -> ValueRule:
        checked(self.signal, self.threshold, self.unit)
        return self

    @property
    def limit(self) -> float:
        """The threshold in the signal's unit."""
        return checked(self.signal, self.threshold, self.unit)


class RiseRule(Strict):
    """The latest value above the lowest earlier one, by an amount or by a factor."""

    kind: Literal["rise"]
    signal: KnownSignal
    by_at_least: Annotated[Number, Field(gt=0)] | None = None
    factor_at_least: Annotated[Number, Field(gt=1)] | None = None
    unit: str | None = None
    within_hours: Hours
    """Before the prediction time: both values are of this window."""

    @model_validator(mode="after")
    def _one_measure(self) -> RiseRule:
        if (self.by_at_least is None) == (self.factor_at_least is None):
            raise ValueError("by_at_least and factor_at_least: one of them|by_at_least, or factor_at_least")
        if self.by_at_least is not None:
            checked(self.signal, self.by_at_least, self.unit)
        return self

    @property
    def limit(self) -> float:
        """The least difference in the signal's unit; for a factor, the factor."""
        if self.by_at_least is None:
            return self.factor_at_least or 0.0
        return checked(self.signal, self.by_at_least, self.unit)


class FactRule(Comparison):
    """A number of the admission facts; it has no document or measurement to cite."""

    kind: Literal["fact"]
    fact: Literal["age, years", "hours in hospital", "hours in ICU", "earlier admissions"]


class WordsRule(Strict):
    """Something that the record's documents affirm or deny."""

    kind: Literal["words"]
    concept: Words | None = None
    """Name of a concept of the task: any of its terms affirms it, only its name denies it."""
    terms: tuple[Words, ...] = ()
    """Words that mean the same; one of ``concept`` and ``terms`` is given."""
    also: tuple[Words, ...] = ()
    """Words that affirm it too but do not deny it: who has no oedema today may still have heart failure."""
    says: Literal["affirmed", "negated"] = "affirmed"
    within_hours: Hours | None = None
    """Before the prediction time, by the document's time; ``None``: any document of the record."""
    which: Which = "latest"
    """``latest``: the newest document that affirms or denies it decides. ``any``: one that says so is enough."""
    past: bool = False
    """Whether what is spoken of as past counts: ``history of heart failure``."""

    @model_validator(mode="after")
    def _one_of_both(self) -> WordsRule:
        if (self.concept is None) == (not self.terms):
            raise ValueError("concept and terms: one of them says what is looked for|concept, or terms")
        return self


class UnreadableRule(Strict):
    """A criterion that no record of this kind can answer: always unknown."""

    kind: Literal["unreadable"]
    why: Words


Simple = Annotated[
    ValueRule | RiseRule | FactRule | WordsRule | UnreadableRule, Field(discriminator="kind")
]  # fmt: skip
Several = Annotated[tuple[Simple, ...], Field(min_length=2, max_length=12)]


class AnyOf(Strict):
    """Met where one is met; not met only where all are known not to be."""

    kind: Literal["any_of"]
    rules: Several


class AllOf(Strict):
    """Met only where all are met; not met where one is known not to be."""

    kind: Literal["all_of"]
    rules: Several


class FirstOf(Strict):
    """The first that is known decides: a score where it was taken, else the words of the notes."""

    kind: Literal["first_of"]
    rules: Several


Rule = ValueRule | RiseRule | FactRule | WordsRule | UnreadableRule | AnyOf | AllOf | FirstOf
RULES: dict[str, type[BaseModel]] = {
    "value": ValueRule, "rise": RiseRule, "fact": FactRule, "words": WordsRule, "unreadable": UnreadableRule,
    "any_of": AnyOf, "all_of": AllOf, "first_of": FirstOf,
}  # fmt: skip
"""By kind."""
