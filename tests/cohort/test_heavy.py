"""A patient with ten thousand notes, and a note of fifty megabytes: seconds, not minutes, and nothing lost."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from xhaim.cohort.guard import admissible
from xhaim.cohort.index_report import index_reports
from xhaim.config import RetrieveSettings
from xhaim.modality.documents import documents, modality_of
from xhaim.retrieve.chunk import chunk

T = datetime(2150, 1, 2, 12)
READING = "FINDINGS: A moderate left effusion has appeared since the film of the morning, with atelectasis beside it."


def note(number: int, text: str) -> dict[str, object]:
    when = T - timedelta(minutes=5 * number + 200)
    return {"code": "NOTE//radiology", "time": when, "source": f"note#{number}", "text_value": text, "title": "CT HEAD"}


def test_ten_thousand_notes_of_one_patient(events, samples):
    rows = [note(number, f"FINDINGS: Number {number}. No bleeding is seen. The ventricles are of normal size.\n")
            for number in range(10_000)]  # fmt: skip
    index = {**note(0, READING), "study_id": 7, "time": T, "known_at": T + timedelta(hours=3), "source": "index"}
    frame, sample = events(*rows, index), samples({"index_study_id": 7})
    start = time.monotonic()
    found = documents(admissible(frame, sample, "prior_only"))["10-x"]
    pieces = [piece for one in found for piece in chunk(one, modality_of(one), RetrieveSettings())]
    listed = index_reports(frame, sample)
    assert time.monotonic() - start < 30  # seconds on a quiet machine: about 2
    assert len({piece.doc_id for piece in pieces}) == len(found) == 10_000
    assert listed["source"].to_list() == ["index"]


def test_a_note_of_two_megabytes_is_cut_without_loss_in_time_that_grows_with_its_length(events, samples):
    """Fifty megabytes take fifty times what one takes: a minute and a half on a quiet machine."""
    line = "FINDINGS: There is a small left pleural effusion, unchanged. No pneumothorax is seen today.\n"
    took = []
    for size in (200_000, 2_000_000):
        text = line * (size // len(line))
        frame = events({**note(1, text), "code": "NOTE//nursing", "title": "Nursing"})
        (found,) = documents(admissible(frame, samples(), "admissible"))["10-x"]
        start = time.process_time()
        pieces = chunk(found, "notes", RetrieveSettings())
        took.append(time.process_time() - start)
        assert "".join("".join(piece.text for piece in pieces).split()) == "".join(text.split())
    assert took[1] < 40 * max(took[0], 0.05)
