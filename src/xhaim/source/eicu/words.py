"""eICU's pick lists in words: where an entry stands in its menu, and what was chosen, as one sentence."""

from __future__ import annotations

import re
from functools import lru_cache

import polars as pl

from xhaim.text.sections import headings

_SCREEN = re.compile(
    r"/(?:View and Save|View Options|Include Rx|Skip Screen Options[^/]*|Billing Options|system unique note types"
    r"|Source of Patient Information:|Enter surgery Information\?)/"
    r"|Obtain Options/(?:Not ?)?Performed|/GCS/Score/scored$|/Other/Other$"
)
"""Entries that steer the software, or say only that something was asked: nothing about the patient."""
_MENU = frozenset(
    (
        *("notes", "progress notes", "procedure notes", "shared", "systems", "organ systems", "physical exam"),
        *("vital sign and physiological data", "weight and i&o", "past history", "past history obtain options"),
        *("admission diagnosis", "all diagnosis", "diagnosis", "organ system", "flowsheet"),
        *("flowsheet cell labels", "nursing assessment", "nursing care"),
    )
)
"""Levels of a menu that say nothing; in lower case."""
_INITIAL = re.compile(r"(?<=\b[A-Z])\.(?= [a-z])")
"""C. difficile: a full stop that would end the sentence."""
_SLASH = re.compile(r"(?<! )/(?! )")
_LEVELS = 12
_LONGEST = 400


def says_nothing(path: str) -> bool:
    """Say whether an entry of a note, an examination or a history only steers the software."""
    return _SCREEN.search(path) is not None


@lru_cache(maxsize=100_000)
def place(path: str, chosen: str, mark: str = "/") -> str:
    """Return where a menu's entry stands, in words: the levels of ``path`` that the choice does not repeat.

    ``…/Pulmonary/Auscultation/Rales/no rales`` with ``no rales`` gives ``Pulmonary, Auscultation``. A level that names
    alternatives (``shock / hypotension``) is left out: it would say more than was meant. ``chosen`` is what follows.
    """
    split = _SLASH.split(path) if mark == "/" else path.split(mark)
    levels = [_plain(level) for level in split[:-1][:_LEVELS] if " / " not in level and not level.startswith("Print ")]
    kept: list[str] = []
    for level, below in zip(levels, [*levels[1:], _plain(chosen)], strict=False):
        # within a choice of other words a level is repeated too: Rales, no rales
        if level.lower() not in _MENU and level and not _names(below, level) and not _names(_plain(chosen), level):
            kept.append(level)
    return ", ".join(kept)[:_LONGEST]


def _plain(level: str) -> str:
    """Return a level without the marks of the software: ``(R)``, ``&&``, a colon or a question mark at its end."""
    words = " ".join(level.replace("&&", "&").replace("(R)", " ").split())
    words = words.removeprefix("(").removesuffix(")") if words.startswith("(") else words
    return words.removesuffix("Obtain Options").strip(" :?.;")


def _names(longer: str, shorter: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(shorter)}(?!\w)", longer, re.IGNORECASE) is not None


def same_words(one: str, other: str) -> bool:
    """Say whether two texts differ in spaces and case at most (``SystemView``, ``System View``)."""
    return "".join(one.split()).lower() == "".join(other.split()).lower()


@lru_cache(maxsize=100_000)
def sentence(where: str, said: str) -> str | None:
    """Return ``Where: said.``, one line that ends with a full stop; ``None`` where nothing is said.

    Where a reader would take the beginning for a section's heading, a dash stands for the colon.
    """
    words = _INITIAL.sub("", " ".join(said.split()).strip(" .;:"))
    if not any(letter.isalnum() for letter in words):
        return None
    before = " ".join(where.replace(":", " ").split())
    line = f"{before}: {words}." if before else f"{words}."
    line = line[:1].upper() + line[1:]
    return line.replace(": ", " - ", 1) if before and headings(line) else line


def number(words: pl.Expr) -> pl.Expr:
    """Return the number that a text is, a percent sign left out; null where it is none."""
    plain = r"^\s*([-+]?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12}))\s*%?\s*$"
    return words.str.extract(plain).cast(pl.Float64, strict=False)


def name(words: pl.Expr) -> pl.Expr:
    """Return a name as part of a code: one space between words, and no ``//``, which parts a code's parts."""
    plain = words.str.replace_all("&#176;", "°", literal=True).str.replace_all(r"\s+", " ").str.strip_chars()
    return plain.str.replace_all(r"/{2,}", "/").str.strip_chars("/")
