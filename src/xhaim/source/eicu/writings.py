"""Which of eICU's tables become documents, and how a row of each is one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from xhaim.source.csv_tables.checked import Columns, columns
from xhaim.source.eicu.words import place, same_words, says_nothing, sentence


@dataclass(frozen=True, slots=True)
class Writing:
    """How one table becomes documents."""

    kind: str
    """Of the code: ``NOTE//kind``."""
    key: str
    """The column that numbers the rows; lines stand in its order."""
    offset: str
    """When something was so."""
    entered: str
    """When it was entered: lines entered together are one document."""
    words: tuple[str, ...]
    """The text columns that ``line`` takes."""
    line: Callable[..., str | None]
    """The words of a row -> a sentence, or ``None`` where they say nothing."""
    title: str | pl.Expr
    clock: str
    """When it was known, in words."""
    optional: tuple[str, ...] = field(default=())
    """Text columns of ``title``."""

    @property
    def columns(self) -> Columns:
        """The columns that are read."""
        text = dict.fromkeys((*self.words, *self.optional), "text")
        return {**columns(f"{self.key} int!  patientunitstayid int!  {self.offset} int!  {self.entered} int!"), **text}


# ---- the words of a row as a sentence -----------------------------------------------------------------------------


def _menu(path: str | None, value: str | None, text: str | None, before: str = "") -> str | None:
    """An entry of a note, an examination or a history: the path ends with the value; a text beside it is typed in."""
    if not path or not value or says_nothing(path):
        return None
    typed = text is not None and not same_words(text, value) and not text.startswith("Print ")
    where = place(path, value)
    if typed:
        where = f"{where}, {value}" if where else value
    where = ", ".join(part for part in (before, where) if part)
    return sentence(where, str(text) if typed else value)


def _history(path: str | None, value: str | None, text: str | None) -> str | None:
    return _menu(path, value, text, "Past medical history")


def _bars(path: str | None, rank: str | None = None) -> str | None:
    """A diagnosis, a treatment: ``organ system|category|what``."""
    if not path:
        return None
    what = path.split("|")[-1]
    ranked = f"{what} ({rank.lower()})" if rank and rank != "Other" else what
    return sentence(place(path, what, "|"), ranked)


def _admission(path: str | None) -> str | None:
    if not path:
        return None
    what = path.split("|")[-1]
    where = place(path, what, "|")
    return sentence(f"Admission diagnosis, {where}" if where else "Diagnosis at admission", what)


def _cell(path: str | None, value: str | None) -> str | None:
    return None if not path or not value else sentence(place(f"{path}|{value}", value, "|"), value)


def _plan(group: str | None, value: str | None) -> str | None:
    return None if not group or not value else sentence(group, value)


def _allergy(what: str | None, kind: str | None) -> str | None:
    return sentence("", f"Allergy to {what}" + (f" ({kind.lower()})" if kind else "")) if what else None


def _home_drug(drug: str | None, dose: str | None, unit: str | None, often: str | None) -> str | None:
    given = " ".join(part.strip() for part in (dose, unit, often) if part and part.strip() not in {"0", ""})
    return sentence("", f"Took {drug} {given} before admission") if drug else None


_TYPE = pl.format("{} note", pl.col("notetype").fill_null("Other"))
_OWN = "its own offset, which is the time of entry"

WRITINGS: dict[str, Writing] = {
    "note": Writing("progress", "noteid", "noteoffset", "noteenteredoffset", ("notepath", "notevalue", "notetext"),
                    _menu, _TYPE, "noteenteredoffset", ("notetype",)),
    "physicalexam": Writing("exam", "physicalexamid", "physicalexamoffset", "physicalexamoffset",
                            ("physicalexampath", "physicalexamvalue", "physicalexamtext"),
                            _menu, "Physical examination", _OWN),
    "diagnosis": Writing("diagnosis", "diagnosisid", "diagnosisoffset", "diagnosisoffset",
                         ("diagnosisstring", "diagnosispriority"), _bars, "Diagnoses", _OWN),
    "treatment": Writing("treatment", "treatmentid", "treatmentoffset", "treatmentoffset", ("treatmentstring",),
                         _bars, "Treatments", _OWN),
    "pasthistory": Writing("history", "pasthistoryid", "pasthistoryoffset", "pasthistoryenteredoffset",
                           ("pasthistorypath", "pasthistoryvalue", "pasthistoryvaluetext"),
                           _history, "Past history", "pasthistoryenteredoffset"),
    "admissiondx": Writing("admission", "admissiondxid", "admitdxenteredoffset", "admitdxenteredoffset",
                           ("admitdxpath",), _admission, "Admission diagnosis", "admitdxenteredoffset"),
    "careplangeneral": Writing("care_plan", "cplgeneralid", "cplitemoffset", "cplitemoffset",
                               ("cplgroup", "cplitemvalue"), _plan, "Care plan", _OWN),
    "nurseassessment": Writing("nursing", "nurseassessid", "nurseassessoffset", "nurseassessentryoffset",
                               ("cellattributepath", "cellattributevalue"),
                               _cell, "Nursing assessment", "nurseassessentryoffset"),
    "nursecare": Writing("nursing", "nursecareid", "nursecareoffset", "nursecareentryoffset",
                         ("cellattributepath", "cellattributevalue"), _cell, "Nursing care", "nursecareentryoffset"),
    "allergy": Writing("allergy", "allergyid", "allergyoffset", "allergyenteredoffset",
                       ("allergyname", "allergytype"), _allergy, "Allergies", "allergyenteredoffset"),
    "admissiondrug": Writing("home_medication", "admissiondrugid", "drugoffset", "drugenteredoffset",
                             ("drugname", "drugdosage", "drugunit", "drugadmitfrequency"),
                             _home_drug, "Medication before admission", "drugenteredoffset"),
}  # fmt: skip
"""Table -> how it becomes documents. ``activeupondischarge`` is never read: it is known at discharge only."""
