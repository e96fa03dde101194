"""Explanations of charts made of real chest X-ray reports: nothing true is lost to the checks."""

from __future__ import annotations

import tarfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from explain_cases import Additive, document, explained, record, scored

from xhaim.explain.verify import verify
from xhaim.task import load_task

REPORTS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "openi_reports" / "reports.tgz"
PER_CHART, CHARTS = 6, 40


def reports(most):
    """The first reports that hold text, sections as headings."""
    found = []
    with tarfile.open(REPORTS) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith(".xml") else None
            if file is None:
                continue
            parts = ElementTree.fromstring(file.read()).iter("AbstractText")
            text = "\n".join(f"{part.get('Label')}: {part.text}" for part in parts if part.text)
            found += [text] if text else []
            if len(found) == most:
                break
    return found


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["pleural_effusion", "cardiomegaly", "mortality_48h"])
def test_no_sentence_about_real_reports_fails_its_checks(name):
    if not REPORTS.is_file():
        pytest.skip("the open clinical data folder is not beside the checkout")
    task = load_task(name)
    texts = reports(PER_CHART * CHARTS)
    spans = 0
    for first in range(0, len(texts), PER_CHART):
        documents = [
            document(f"d{place}", "cxr", text, 5 + place) for place, text in enumerate(texts[first : first + PER_CHART])
        ]
        chunks = [scored(one, rank=rank) for rank, one in enumerate(documents, 1)]
        effects = {one.chunk.chunk_id: (0.1, -0.1, 0.003)[one.rank % 3] for one in chunks}
        chart = record(documents)
        explanation = explained(chart, chunks, Additive(effects), task=task)
        assert explanation.dropped == ()
        assert verify(explanation, chart, task=task) == []
        spans += sum(one.kind == "span" for one in explanation.citations)
    assert spans >= 4 * CHARTS
