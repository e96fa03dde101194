"""What tells how the current stay ended is no input, also where note or sample does not name the admission."""

from __future__ import annotations

import pytest

from xhaim.cohort.guard import admissible

CAME = "2150-01-01T06:00:00"


@pytest.mark.parametrize(
    ("sample", "hadm", "written", "known", "seen"),
    [
        ({}, None, "2150-01-01T07:00:00", "2150-01-01T08:00:00", False),
        ({}, None, "2150-01-01T00:00:00", "2150-01-01T00:00:00", False),  # a day without an hour
        ({}, None, "2149-12-20T00:00:00", "2150-01-02T00:00:00", False),  # signed in this stay: perhaps its own
        ({}, None, "2149-12-20T00:00:00", "2149-12-21T00:00:00", True),
        ({"hadm_id": None}, 100, "2150-01-01T07:00:00", "2150-01-01T08:00:00", False),
        ({"hadm_id": None}, 99, "2149-12-20T00:00:00", "2149-12-21T00:00:00", True),
        ({"hadm_id": None, "stay_id": None}, None, "2150-01-01T07:00:00", "2150-01-01T08:00:00", False),
        ({"hadm_id": None, "stay_id": None}, 100, "2150-01-01T07:00:00", "2150-01-01T08:00:00", True),
        ({"hadm_id": 5, "stay_id": 6}, None, "2149-12-20T00:00:00", "2149-12-21T00:00:00", False),  # began unknown
    ],
)
def test_a_discharge_note_without_its_admission_is_judged_by_the_time_the_stay_began(
    events, samples, sample, hadm, written, known, seen
):
    rows = events(
        {"code": "ICU_ADMISSION//MICU", "time": CAME, "hadm_id": 100, "stay_id": 10},
        {"code": "HOSPITAL_ADMISSION//EW", "time": "2150-01-20T00:00:00", "hadm_id": 101},  # later: not yet begun
        {"code": "NOTE//discharge", "time": written, "known_at": known, "hadm_id": hadm, "source": "told"},
    )
    for policy in ("admissible", "prior_only"):
        found = admissible(rows, samples({"index_study_id": 7, **sample}), policy)
        assert ("told" in found["source"].to_list()) == seen
