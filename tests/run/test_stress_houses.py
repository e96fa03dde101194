"""Which house a sample is of, for reading results out: its hospital where that is known, else its layout of reports."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from xhaim.records import Document
from xhaim.run.stress_houses import LAYOUTS, NO_REPORT, OTHERS, hospitals, largest, layout

T = datetime(2150, 1, 10)


def note(text: str, hours: float, title: str = "CHEST (PORTABLE AP)", kind: str = "radiology") -> Document:
    when = T - timedelta(hours=hours)
    return Document(f"{kind}:{hours}", kind, title, text, when, when)


def test_hospitals_are_those_of_the_store_and_of_one_each(events):
    frame = events(
        {"subject_id": 1, "code": "HOSPITAL//73", "time": "2150-01-01"},
        {"subject_id": 1, "code": "HOSPITAL//73", "time": "2150-02-01"},
        {"subject_id": 2, "code": "HOSPITAL//264", "time": "2150-01-01"},
        {"subject_id": 3, "code": "HOSPITAL//73", "time": "2150-01-01"},
        {"subject_id": 3, "code": "HOSPITAL//264", "time": "2150-01-01"},
        {"subject_id": 4, "code": "HOSPITAL_ADMISSION//EW EMER.", "time": "2150-01-01"},
    )
    assert hospitals(SimpleNamespace(events=lambda: frame)) == {1: "hospital 73", 2: "hospital 264"}
    nothing = events({"subject_id": 4, "code": "HOSPITAL_ADMISSION//x", "time": "2150-01-01"})
    assert hospitals(SimpleNamespace(events=lambda: nothing)) == {}


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ([], NO_REPORT),
        ([note("FINDINGS: clear.", 5, "CT HEAD W/O CONTRAST")], NO_REPORT),
        ([note("IMPRESSION: a film, in words.", 1, kind="image description")], NO_REPORT),
        ([note("REASON FOR EXAM: dyspnea.\nFINDINGS: clear.", 5)], "Reason For Exam, Findings"),
        ([note("FINDINGS: clear.", 5), note("HISTORY: x.\nCONCLUSION: y.", 9)], "Findings"),
        ([note("The lungs are clear.", 5)], "no headings"),
    ],
)
def test_the_layout_is_that_of_the_newest_chest_film_report(documents, expected):
    assert layout(documents) == expected
    assert layout(documents[::-1]) == expected


def test_rare_layouts_are_one_group():
    groups = {f"{size}-{n}": f"layout {size}" for size in range(1, 10) for n in range(size)}
    found = largest(groups)
    assert set(found) == set(groups)
    assert len(set(found.values())) == LAYOUTS + 1
    assert sorted(set(found.values())) == sorted([f"layout {size}" for size in range(4, 10)] + [OTHERS])
