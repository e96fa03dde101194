"""Sentences about the risk, the model and each piece of evidence, composed from what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xhaim.explain import words
from xhaim.explain.facts import ModelFacts, Ranking
from xhaim.records import Citation, CriterionStatus, KnowledgeLine
from xhaim.task import Task

Role = Literal["risk", "for", "against", "observed", "knowledge", "checklist", "missing", "change", "model", "limits"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A statement before its citations are numbered."""

    role: Role
    text: str
    cites: tuple[Citation, ...] = ()
    """With marker 0."""
    knowledge: tuple[KnowledgeLine, ...] = ()
    status: CriterionStatus | None = None
    compared: tuple[Citation, ...] = ()
    """Of what was said or measured before, with marker 0."""


def risk_sentence(task: Task, facts: ModelFacts) -> Draft:
    """Say the calibrated risk, its interval, the base rate, and where it lies."""
    within = (
        f"{words.INTERVAL} {words.interval(facts.low, facts.high)}"
        if facts.low is not None and facts.high is not None
        else "no interval: too few stays to calibrate on"
    )
    side = "at or above" if facts.risk >= facts.threshold else "below"
    worth = (
        "" if facts.tested is None or facts.tested.told_from_chance
        else " On the stays that it was tested on, this model was not shown to rank better than chance: do not rely "
        "on its risk, nor on the effects below."
    )  # fmt: skip
    return Draft(
        "risk",
        f"The calibrated risk of {task.outcome} is {words.percent(facts.risk)} ({within}), against a base rate of "
        f"{words.share(facts.base_rate)} among the training stays; it lies {side} the operating point of "
        f"{words.share(facts.threshold)}.{worth}",
    )


def model_sentences(facts: ModelFacts) -> list[Draft]:
    """Say whether the model abstains, what it was fitted on, and which blocks moved it."""
    drafts = []
    if facts.abstains:
        text = "The model abstains: at the error rate that was asked for, neither answer can be ruled out."
        drafts.append(Draft("model", text))
    drafts.append(Draft("model", fitted_on(facts)))
    if facts.tested is not None:
        drafts.append(Draft("model", tested_on(facts.tested)))
    ranked = sorted(facts.contributions.items(), key=lambda item: (-abs(item[1]), item[0]))
    moved = [f"{block.replace('_', ' ')} {words.log_odds(value)}" for block, value in ranked if abs(value) >= 0.05]
    if moved:
        text = f"By block, before calibration, the prediction was moved by {words.listed(moved)}."
        drafts.append(Draft("model", text))
    named = [f"{shown_name(name)} {words.log_odds(value)}" for name, value in facts.columns.items()]
    if named:
        drafts.append(Draft("model", f"Of the columns that have a name, these moved it most: {'; '.join(named)}."))
    return drafts


def shown_name(column: str) -> str:
    """Return a column's name as it stands in a sentence: terms of notes are among them."""
    return words.shown(column)


def fitted_on(facts: ModelFacts) -> str:
    """Say how many stays the model and its operating point rest on."""
    text = f"The model {facts.model_name} was fitted on {facts.n_train} stays; its operating point was chosen on "
    found = "" if facts.sensitivity is None else f", of whose positives it finds {words.share(facts.sensitivity)}"
    return f"{text}{facts.n_validation} validation stays{found}."


def tested_on(tested: Ranking) -> str:
    """Say how well the model ranks stays that it had not seen, and how sure that is."""
    lead = f"Of {tested.n} stays that it had not seen, {tested.positives} with the outcome"
    if tested.auc is None:
        return f"{lead}, too few were on one side to say whether it ranks better than chance."
    text = f"{lead}, it ranked one with the outcome above one without in {words.share(tested.auc)} of pairs (AUC"
    if tested.low is None or tested.high is None:
        return f"{text} {tested.auc:.2f}, no interval: too few stays)."
    chance = "" if tested.told_from_chance else "; chance is 0.50"
    return f"{text} {tested.auc:.2f}, 95 % interval {tested.low:.2f} to {tested.high:.2f}{chance})."
