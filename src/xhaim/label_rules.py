"""The kinds of labels that a task file may ask for: what each means, and with which switches."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from xhaim.errors import did_you_mean
from xhaim.events import CHEXPERT_FINDINGS
from xhaim.signals import catalogue

Hours = Annotated[float, Field(gt=0, le=24 * 365)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Code = Annotated[str, Field(pattern=r"^[A-Z_]+(//[^\s].*)?$")]
FileName = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]


def known_signal(name: str) -> str:
    """Return a signal's name. Raises ValueError for one that the catalogue does not have."""
    if name not in catalogue():
        raise ValueError(f"unknown signal|{did_you_mean(name, catalogue())}")
    return name


def _known_finding(name: str) -> str:
    if name not in CHEXPERT_FINDINGS:
        raise ValueError(f"unknown finding|{did_you_mean(name, CHEXPERT_FINDINGS)}")
    return name


class Strict(BaseModel):
    """A part of a task file: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FindingLabel(Strict):
    """CheXpert's label of the index study: 1 and 0 kept (DESIGN: pathologies)."""

    kind: Literal["chexpert"]
    finding: Annotated[str, AfterValidator(_known_finding)]
    uncertain: Literal["drop", "positive", "negative"] = "drop"
    blank: Literal["drop", "negative"] = "drop"


class DeathLabel(Strict):
    """Positive: death in (t, t + horizon]. Everybody else is negative, those discharged alive too."""

    kind: Literal["death_within"]
    horizon_hours: Hours


class DischargeLabel(Strict):
    """Positive: discharged from hospital alive in (t, t + horizon] (HAIM's length-of-stay task)."""

    kind: Literal["discharged_alive_within"]
    horizon_hours: Hours


class RemainingStayLabel(Strict):
    """Positive: the ICU stay goes on for more than the horizon after t."""

    kind: Literal["icu_stay_longer_than"]
    horizon_hours: Hours


class EventLabel(Strict):
    """Positive: an event whose code starts with ``code`` in (t, t + horizon]."""

    kind: Literal["event_within"]
    code: Code
    horizon_hours: Hours


class ValueLabel(Strict):
    """Positive: a value measured in (t, t + horizon] that is above, or below, the threshold."""

    kind: Literal["value_crosses"]
    signal: Annotated[str, AfterValidator(known_signal)] | None = None
    """Of the catalogue: values in its unit, those that cannot be brought to it are not used."""
    code: Code | None = None
    """Any other code, whose values must all be in one unit."""
    unit: str | None = None
    """Of a code's values: those in another unit are not used."""
    above: Number | None = None
    below: Number | None = None
    """In the signal's or the code's unit; the threshold itself does not count."""
    horizon_hours: Hours
    first_time: bool = False
    """Leave out who had such a value at or before t: since 24 h before the admission, or ever where there is none."""
    unmeasured: Literal["drop", "negative"] = "drop"
    """What no value in the horizon means."""

    @model_validator(mode="after")
    def _whole(self) -> ValueLabel:
        if (self.signal is None) == (self.code is None):
            raise ValueError("signal and code: one of them says what is measured|signal, or code")
        if (self.above is None) == (self.below is None):
            raise ValueError("above and below: one of them is the threshold|above, or below")
        if self.signal is not None:
            low, high = catalogue()[self.signal].bounds
            if self.unit is not None:
                raise ValueError("unit: a signal has its own|no unit, or code instead of signal")
            if not low <= self.threshold <= high:
                raise ValueError(f"the threshold is not a possible value of {self.signal}|{low:g} to {high:g}")
        return self

    @property
    def threshold(self) -> float:
        """The value that must be passed."""
        return self.above if self.above is not None else self.below if self.below is not None else float("nan")

    @property
    def words(self) -> str:
        """The rule for a reader: ``lactate above 4``."""
        side = "above" if self.above is not None else "below"
        return f"{self.signal or self.code} {side} {self.threshold:g}"


class MedsLabel(Strict):
    """Prediction times and labels of a MEDS label file (Parquet: subject_id, prediction_time, boolean_value)."""

    kind: Literal["meds_labels"]
    path: FileName
    """From the folder of the task file, unless it is absolute."""


class AcesLabel(Strict):
    """Prediction times and labels that ACES extracts from the store by its own task file (extra ``aces``)."""

    kind: Literal["aces"]
    path: FileName
    """From the folder of the task file, unless it is absolute."""


Label = Annotated[
    FindingLabel | DeathLabel | DischargeLabel | RemainingStayLabel | EventLabel | ValueLabel | MedsLabel | AcesLabel,
    Field(discriminator="kind"),
]
LABELS: dict[str, type[BaseModel]] = {
    "chexpert": FindingLabel,
    "death_within": DeathLabel,
    "discharged_alive_within": DischargeLabel,
    "icu_stay_longer_than": RemainingStayLabel,
    "event_within": EventLabel,
    "value_crosses": ValueLabel,
    "meds_labels": MedsLabel,
    "aces": AcesLabel,
}
"""By kind."""
