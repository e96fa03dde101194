"""The signal catalogue: which codes of a store are one clinical signal, in which unit, with which bounds.

The chart signals and the laboratory tests are those of HAIM (its 9 and 22, by item id and not by label, so that
urine glucose is not pooled with blood glucose), and a few that the tasks' checklists need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml

Group = Literal["vital", "lab", "procedure"]


@dataclass(frozen=True, slots=True)
class Signal:
    """One clinical signal."""

    name: str
    label: str
    """As a reader is shown it."""
    group: Group
    codes: tuple[str, ...]
    """Code prefixes without the unit: ``LAB//50813``."""
    unit: str | None
    """The unit of ``bounds`` and of every value used."""
    bounds: tuple[float, float]
    """Values outside are errors of measurement or entry, set aside and counted."""
    normal: tuple[float, float] | None = None
    """Adult reference range, for words such as high and low; ``None`` where there is none."""
    haim: bool = False
    """One of HAIM's own signals."""
    also: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Other units and how they become ``unit``: value * scale + offset."""
    needs_unit: bool = False
    """A number alone does not tell the unit (kg or lb): values without one are not used."""


@cache
def catalogue() -> dict[str, Signal]:
    """Return the shipped signals by name, in the file's order."""
    text = files("xhaim").joinpath("signals.yaml").read_text(encoding="utf-8")
    rows = yaml.safe_load(text)
    return {
        name: Signal(
            name=name,
            label=row["label"],
            group=row["group"],
            codes=tuple(row["codes"]),
            unit=row.get("unit"),
            bounds=(float(row["bounds"][0]), float(row["bounds"][1])),
            normal=(float(row["normal"][0]), float(row["normal"][1])) if "normal" in row else None,
            haim=bool(row.get("haim", False)),
            also={unit: (float(a), float(b)) for unit, (a, b) in row.get("also", {}).items()},
            needs_unit=bool(row.get("needs_unit", False)),
        )
        for name, row in rows.items()
    }


@cache
def signal_of_code() -> dict[str, str]:
    """Return code prefix (``LAB//50813``) -> signal name."""
    return {code: signal.name for signal in catalogue().values() for code in signal.codes}
