"""Note sentences against the dialogue that the note was written from, as they are and with one fault each.

The faults are those of ``claims_faults``, and a medicine put in another's place; none of it knows the detector. A
fault counts only where the dialogue does not happen to say the changed thing. MTS-Dialog and ACI-Bench, CC BY 4.0.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.claims_faults import KINDS as OF_NOTES
from benchmarks.claims_faults import faulted
from benchmarks.claims_sources import Truth, draw
from xhaim.errors import DataError
from xhaim.text.sentences import sentences
from xhaim.verify.dialogue import statements

FILES = ("mts_dialog/MTS-Dialog-TrainingSet.csv", "mts_dialog/MTS-Dialog-ValidationSet.csv", "aci_bench/train.csv",
         "aci_bench/valid.csv")  # fmt: skip
KINDS = (*(kind for kind in OF_NOTES if kind != "wrong citation"), "medication")
_DRUGS = (
    "aspirin", "ibuprofen", "tylenol", "lisinopril", "metformin", "lasix", "albuterol", "prednisone",
    "coumadin", "plavix", "lipitor", "metoprolol", "omeprazole", "insulin", "zoloft", "prozac", "ativan",
    "xanax", "ambien", "vicodin", "percocet", "oxycodone", "meloxicam", "tramadol", "gabapentin", "amoxicillin",
    "penicillin", "keflex", "hydrochlorothiazide", "norvasc", "synthroid", "nexium", "zantac", "claritin",
    "flonase", "singulair", "advair", "celebrex", "naproxen", "digoxin", "amlodipine", "atenolol", "warfarin",
    "furosemide", "benadryl",
)  # fmt: skip
_DRUG = re.compile(rf"\b(?:{'|'.join(_DRUGS)})\b", re.IGNORECASE)
_FEWEST, _MOST = 4, 40


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence, the dialogue that it should rest on, and what is wrong with it."""

    corpus: str
    group: str
    """Of its dialogue: the same in whichever file it stands."""
    kind: str
    """Of its fault; empty where it is as the note has it."""
    sentence: str
    evidence: str
    """The dialogue's statements, one a line."""


def read(path: Path) -> list[tuple[str, str]]:
    """Return (dialogue, note) of every row of a csv of MTS-Dialog or ACI-Bench."""
    csv.field_size_limit(1 << 24)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"'{path}' cannot be read", got=error, expected="a csv of dialogues and notes, UTF-8"
        ) from error
    names = set(rows[0]) if rows else set()
    note = next((name for name in ("section_text", "note") if name in names), None)
    if note is None or "dialogue" not in names:
        expected = "columns dialogue; section_text or note"
        raise DataError(f"'{path}' is no csv of dialogues and notes", got=sorted(names), expected=expected)
    return [(row["dialogue"] or "", row[note] or "") for row in rows]


def truths(paths: Sequence[Path]) -> list[Truth]:
    """Return the true sentences of 4 to 40 words, in the files' order; ``evidence`` is what the dialogue states."""
    found = []
    for path in paths:
        for dialogue, note in read(path):
            told = "\n".join(statements(dialogue))
            group = str(draw(" ".join(dialogue.lower().split()), 1 << 40))
            for place, (start, end) in enumerate(sentences(note)):
                sentence = " ".join(note[start:end].split())
                if _FEWEST <= len(sentence.split()) <= _MOST and not sentence.endswith((":", "?")):
                    found.append(Truth(path.parent.name, group, place, sentence, told, f"{dialogue}\n{note}"))
    return found


def cases(found: Sequence[Truth]) -> Iterator[Case]:
    """Return every sentence as it is and with faults: of the rare kinds each that fits, of the others one by draw."""
    common = ("negation", "invented finding", "other patient")
    for one in found:
        yield Case(one.corpus, one.doc_id, "", one.sentence, one.evidence)
        chosen = [kind for kind in KINDS if kind not in common] + [common[draw(one.key + "kind", 3)]]
        for kind in chosen:
            false = _medication(one) if kind == "medication" else faulted(one, kind, found)
            if false is not None:
                text = false if isinstance(false, str) else false[0]
                yield Case(one.corpus, one.doc_id, kind, text, one.evidence)


def _medication(truth: Truth) -> str | None:
    match = _DRUG.search(truth.sentence)
    said = truth.document.lower()
    options = [drug for drug in _DRUGS if drug not in said]
    if match is None or not options:
        return None
    new = options[draw(truth.key, len(options))]
    new = new.capitalize() if match.group()[0].isupper() else new
    return truth.sentence[: match.start()] + new + truth.sentence[match.end() :]
