"""What the readers of a folder give: texts with who says them, and faults with their line."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from xhaim.knowledge.passages import hidden

_DAY = re.compile(r"\d{4}(?:-\d{2}){0,2}")
_ADDRESS = re.compile(r"https?://[^\s<>\"'\\]{1,2000}")


def iso_day(text: str) -> str:
    """Return an ISO day, month or year as it is. Raises ValueError for anything else."""
    if not _DAY.fullmatch(text):
        raise ValueError("no date|an ISO day, month or year: 2024-05-31, 2024-05, 2024")
    date.fromisoformat((text + "-01-01")[:10])
    return text


def address(text: str) -> str:
    """Return a web address as it is. Raises ValueError for anything that is none, or that a page could run."""
    if not _ADDRESS.fullmatch(text) or hidden(text):
        raise ValueError("no web address|http:// or https:// and no spaces, quotes or brackets")
    return text


def plain(text: str) -> str:
    """Return a text of one visible line as it is. Raises ValueError for a blank one, and for hidden characters."""
    if not text.strip() or hidden(text):
        raise ValueError("blank, or with line breaks or invisible characters|one line of visible text")
    return text


def _as_text(value: Any) -> Any:  # noqa: ANN401  (what YAML makes of 2024 and of 2024-05-31)
    return str(value) if isinstance(value, int | date) and not isinstance(value, bool) else value


Words = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(plain)]
Address = Annotated[str, AfterValidator(address)]
Day = Annotated[str, BeforeValidator(_as_text), AfterValidator(iso_day)]


class About(BaseModel):
    """Who says a text: fields of a Markdown file's front matter, or of a line of JSONL; others are not read."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    title: Words
    source: Words
    """Publisher or journal."""
    licence: Words = Field(validation_alias=AliasChoices("licence", "license"))
    """Under which it may be shown."""
    url: Address | None = None
    date: Day | None = None

    def described(self, heading: str) -> str:
        """Return the source for a reader: ``Pleural effusion: Causes. MedlinePlus, 2024``."""
        place = f"{self.title}: {heading}" if heading and heading != self.title else self.title
        return f"{place}. {self.source}, {self.date[:4]}" if self.date else f"{place}. {self.source}"


@dataclass(frozen=True, slots=True)
class Text:
    """A stretch of text under one heading."""

    line: int
    """From 1: of the heading, or of the line of JSONL."""
    heading: str
    body: str
    about: About


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a line cannot be read; no words of the file but its fields' names."""

    line: int
    what: str


def fields_at_fault(error: ValidationError) -> str:
    """Return the faults of a text's fields in one line: ``licence: missing; url: no web address, expected …``."""
    told = []
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"]) or "text"
        message, _, expected = item["msg"].removeprefix("Value error, ").partition("|")
        said = "missing" if item["type"] == "missing" else message
        told.append(f"{name}: {said}" + (f"; expected {expected}" if expected else ""))
    return "; ".join(told)


def opened(path: Path) -> BinaryIO:
    """Open a file that must not be a link, whatever became of it since it was listed."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
