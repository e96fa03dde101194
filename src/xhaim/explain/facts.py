"""What the explanation is told by the run: the prediction, what the model was fitted on, and how to measure evidence.

The step never touches a model. ``run`` gives it one function that answers: what would the risk be without this?
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TypeAlias

from xhaim.errors import DataError
from xhaim.records import Criterion, Image, KnowledgeLine, Named


@dataclass(frozen=True, slots=True)
class Ranking:
    """How a model ranked stays that it had not seen: the test part of its split."""

    n: int
    positives: int
    auc: float | None
    """[0, 1]; ``None`` where a class has too few stays to say."""
    low: float | None
    high: float | None
    """95 % interval of the AUC; ``None`` where it cannot be given."""

    @property
    def told_from_chance(self) -> bool:
        """Say whether the whole interval lies above one half."""
        return self.low is not None and self.low > 0.5


@dataclass(frozen=True, slots=True)
class Films:
    """What the model had of chest films beside their reports."""

    labels: Mapping[int, float] = field(default_factory=dict)
    """Earlier study -> its known label of the task's finding: 0, 0.5 (uncertain) or 1."""
    earlier: Image | None = None
    """The earlier image that is an input beside the index image."""
    score: float | None = None
    """What the image network gives the index image for the task's finding, [0, 1], not calibrated; ``None``: no image,
    or not read for it."""


@dataclass(frozen=True, slots=True)
class Medicine:
    """What medicine says of the question: never evidence about the patient."""

    lines: tuple[KnowledgeLine, ...] = ()
    """What the finding or the outcome is, and passages of somebody's own folder."""
    named: tuple[Named, ...] = ()
    """Signs and mimics that the patient's evidence names."""
    criteria: tuple[Criterion, ...] = ()
    """The criteria of a guideline, judged on the record."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One prediction, and the facts about its model that a reader needs to judge it."""

    base_rate: float
    """Share of positives among the training samples, [0, 1]."""
    threshold: float
    """Operating point on the calibrated risk, chosen on validation, [0, 1]."""
    sensitivity: float | None
    """Share of the validation positives at or above the threshold; ``None`` where it is not known."""
    contributions: Mapping[str, float]
    """Block -> TreeSHAP summed over its columns, log-odds of the uncalibrated booster."""
    risk: float
    """Calibrated risk with everything, [0, 1]."""
    low: float | None
    high: float | None
    """90 % interval of the risk; ``None`` where the calibration set is too small to give one."""
    abstains: bool
    """The conformal set holds both answers."""
    n_train: int
    n_validation: int
    model_name: str
    tested: Ranking | None = None
    """``None`` where the model was not tested."""
    columns: Mapping[str, float] = field(default_factory=dict)
    """Named columns that add most -> log-odds, greatest first; columns of embeddings have no name that tells anything
    and stand in their block alone."""
    films: Films = field(default_factory=Films)

    def __post_init__(self) -> None:
        """Raise DataError for a risk or share outside [0, 1]: nothing true could be said of it."""
        for name in ("base_rate", "threshold", "sensitivity", "risk", "low", "high"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise DataError(f"{name} of the prediction is no probability", got=value, expected="0 to 1")


@dataclass(frozen=True, slots=True)
class Removal:
    """What is taken out of one sample's input; empty: nothing, the plain prediction."""

    chunk_ids: frozenset[str] = frozenset()
    measurement_ids: frozenset[str] = frozenset()
    image: bool = False
    """The index image."""
    earlier_image: bool = False
    """The earlier image beside it."""
    study_ids: frozenset[int] = frozenset()
    """Earlier films whose labels go; those of a removed report go with it."""

    @classmethod
    def of(cls, removals: Iterable[Removal]) -> Removal:
        """Take out all of them."""
        return reduce(cls.__or__, removals, cls())

    def __or__(self, other: Removal) -> Removal:
        """Take out both."""
        return Removal(
            self.chunk_ids | other.chunk_ids,
            self.measurement_ids | other.measurement_ids,
            self.image or other.image,
            self.earlier_image or other.earlier_image,
            self.study_ids | other.study_ids,
        )

    def __sub__(self, other: Removal) -> Removal:
        """Take out what this takes out but for what the other does."""
        return Removal(
            self.chunk_ids - other.chunk_ids,
            self.measurement_ids - other.measurement_ids,
            self.image and not other.image,
            self.earlier_image and not other.earlier_image,
            self.study_ids - other.study_ids,
        )


RiskWithout: TypeAlias = Callable[[Sequence[Removal]], Sequence[float]]
"""Calibrated risks, one for each removal and in its order, all in one batch: summaries, concept counts, statistics,
encoder, booster and calibrator are run again on what is left. An empty removal gives the plain risk."""
