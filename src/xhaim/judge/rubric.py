"""The rubric: what an explanation is scored on, each level in words. One source for prompts, pages and documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from xhaim.errors import DataError

SHIPPED = ("multimedqa",)
"""Further axes that come with the product, by name."""
_MAX_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Level:
    """One score of an axis."""

    score: int
    text: str
    """When it is given."""
    example: str
    """Made up."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Something that is scored; a greater score is better."""

    name: str
    """Key of the score in a ``Verdict``."""
    title: str
    question: str
    levels: tuple[Level, ...]
    """By score, each one more than the last: 1 to 5, or 0 and 1 for no and yes."""

    @property
    def scores(self) -> range:
        """The scores that there are."""
        return range(self.levels[0].score, self.levels[-1].score + 1)

    def level(self, score: int) -> Level:
        """Return the level of a score. Raises DataError for a score that the axis does not have."""
        if type(score) is not int or score not in self.scores:
            raise DataError(
                f"no such score of {self.name}",
                got=repr(score)[:40],
                expected=f"a whole number from {self.scores[0]} to {self.scores[-1]}",
            )
        return self.levels[score - self.scores[0]]


@dataclass(frozen=True, slots=True)
class Rubric:
    """The axes, in the order in which they are shown; the first three are ``records.DIMENSIONS``."""

    axes: tuple[Axis, ...]

    def axis(self, name: str) -> Axis:
        """Return an axis by its name. Raises DataError for another."""
        found = next((one for one in self.axes if one.name == name), None)
        if found is None:
            names = ", ".join(one.name for one in self.axes)
            raise DataError("no such axis of the rubric", got=name[:60], expected=f"one of {names}")
        return found

    def words(self) -> str:
        """Return it as plain text, for prompts: each axis with its question, levels and examples."""
        lines = []
        for axis in self.axes:
            lines.append(f"{axis.name} ({axis.title}): {axis.question}")
            lines += [f"  {one.score}: {one.text} Example: {one.example}" for one in axis.levels]
        return "\n".join(lines)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


_Words = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S")]


class _Level(_Strict):
    score: Annotated[int, Field(ge=0, le=5)]
    text: _Words
    example: _Words


class _Axis(_Strict):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")]
    title: _Words
    question: _Words
    levels: Annotated[list[_Level], Field(min_length=2, max_length=6)]

    @model_validator(mode="after")
    def _in_order(self) -> _Axis:
        scores = [one.score for one in self.levels]
        if scores != list(range(scores[0], scores[0] + len(scores))):
            raise ValueError("scores that are not in order, each one more than the last")
        return self


class _File(_Strict):
    title: _Words
    axes: Annotated[list[_Axis], Field(min_length=1, max_length=40)]


def load_rubric(also: Sequence[str | Path] = ()) -> Rubric:
    """Return the three dimensions, then the axes of ``also``: ``multimedqa``, or YAML files of the same form.

    Raises DataError for a file that is no rubric, and for an axis that stands twice.
    """
    return _loaded(tuple(map(str, also)))


@lru_cache(maxsize=8)
def _loaded(also: tuple[str, ...]) -> Rubric:
    axes = [axis for name in ("rubric", *also) for axis in _read(name)]
    names = [one.name for one in axes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError("an axis of the rubric stands twice", got=", ".join(twice), expected="each axis once")
    return Rubric(tuple(axes))


def _read(name: str) -> tuple[Axis, ...]:
    ours = name in ("rubric", *SHIPPED)
    path = Path(str(files("xhaim.judge").joinpath(f"{name}.yaml"))) if ours else Path(name)
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise _refused(name, f"more than {_MAX_BYTES:,} bytes")
        read = _File.model_validate(yaml.safe_load(raw.decode("utf-8")))
    except OSError:
        raise _refused(name, "no file that can be read") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise _refused(name, "text that is not YAML") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise _refused(name, f"at {'.'.join(map(str, first['loc'])) or 'the top'}: {first['msg']}") from None
    return tuple(
        Axis(one.name, one.title, one.question, tuple(Level(x.score, x.text, x.example) for x in one.levels))
        for one in read.axes
    )


def _refused(name: str, got: str) -> DataError:
    return DataError(
        f"no rubric: {name[:200]}",
        got=got,
        expected=f"title and axes, each with name, title, question and levels; or one of {', '.join(SHIPPED)}",
    )
