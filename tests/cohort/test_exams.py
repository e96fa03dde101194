"""What a report's title says of the exam: beside the prediction time it must say clearly that it is another."""

from __future__ import annotations

import pytest

from xhaim.cohort.guard import admissible


@pytest.fixture
def kept(events, samples):
    """Say whether a radiology report just before the prediction time is seen."""

    def ask(title: str | None, kind: str = "radiology", time: str = "2150-01-02T11:56:00", study: int | None = None):
        report = {
            "code": f"NOTE//{kind}", "title": title, "time": time, "known_at": "2150-01-02T11:59:00", "study_id": study,
            "text_value": "FINDINGS: Clear lungs.",
        }  # fmt: skip
        return bool(admissible(events(report), samples({"index_study_id": 7}), "prior_only").height)

    return ask


@pytest.mark.parametrize(
    "title",
    [
        "Radiology: CHEST (PORTABLE AP)", "Radiology: PORTABLE AP", "Radiology: AP PORTABLE 1 VIEW",
        "Radiology: PA/LAT", "XR CHEST_2 VIEWS", "Rx tórax", "Röntgen Thorax", "Babygram", "Radiology: LINE PLACEMENT",
        "Radiology: CHEST + ABD, CT to follow", "Radiology: Chest/Abdomen PET", "Radiology: LUNGS", None,
        "CHEST XRAY: R/O MRI",
    ],
)  # fmt: skip
def test_beside_the_prediction_time_all_radiology_is_withheld_that_is_not_clearly_something_else(kept, title):
    for kind in ("radiology", "Radiology", "radiology-report", "imaging"):
        assert not kept(title, kind)
        assert not kept(title, kind, study=50_000_001)
    assert kept(title, time="2150-01-02T11:30:00", study=8)


@pytest.mark.parametrize(
    "title", ["Radiology: CT HEAD W/O CONTRAST", "MR BRAIN", "PORTABLE ABDOMEN", "Radiology: LEFT KNEE 2 VIEWS",
              "Radiology addendum: CTA CHEST"],
)  # fmt: skip
def test_what_is_clearly_another_exam_stays(kept, title):
    assert kept(title)
