"""Reports of the Open-I chest X-ray collection: their sections, and labels from the MeSH terms that people gave them.

The people who gave the terms read findings and impression. A label here is a term that begins with one of the words
below (``Pleural Effusion/left/small``); ``automatic`` terms, which a program made, are not used.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

LABELS: Mapping[str, str] = {
    "cardiomegaly": "cardiomegaly",
    "effusion": "pleural effusion",
    "opacity": "airspace disease|consolidation|infiltrate|pneumonia",
    "pneumonia": "pneumonia",
}
"""Name -> what a term begins with. ``opacity`` is the broad one: any dense lung."""
POLICIES: Mapping[str, tuple[str, ...]] = {
    "indication": ("INDICATION",),
    "findings": ("FINDINGS",),
    "findings + impression": ("FINDINGS", "IMPRESSION"),
}
"""What a model may read. The first says what was asked before the film was read: prediction. The others hold the very
words that the label was made from: extraction."""
MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Report:
    """One report."""

    report_id: str
    sections: Mapping[str, str]
    """FINDINGS, IMPRESSION, INDICATION, COMPARISON: one line of text; absent where empty."""
    terms: tuple[str, ...]
    """In lower case, as in ``pleural effusion/left/small``."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The reports that have the first section of a policy, in the order of their ids."""

    report_ids: tuple[str, ...]
    texts: tuple[str, ...]
    groups: NDArray[np.int64]
    """[n]: reports with the same text, but for case and spaces, have one number."""
    labels: Mapping[str, NDArray[np.int8]]
    """[n], 0 or 1."""


def read_reports(path: Path) -> list[Report]:
    """Return the reports of a folder with ``reports.tgz``, of that file, or of a folder of XML, ordered by id.

    Raises FileNotFoundError where there are none.
    """
    archive = path / "reports.tgz" if path.is_dir() else path
    raw = _of_archive(archive) if archive.is_file() else (file.read_bytes() for file in path.rglob("*.xml"))
    found = [_report(xml) for xml in raw]
    if not found:
        raise FileNotFoundError(f"no reports in {path}: expected reports.tgz or a folder of XML files")
    return sorted(found, key=lambda report: (len(report.report_id), report.report_id))


def _of_archive(archive: Path) -> Iterator[bytes]:
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() and member.name.endswith(".xml") else None
            if file is not None and member.size <= MAX_BYTES:
                yield file.read()


def _report(xml: bytes) -> Report:
    root = ElementTree.fromstring(xml)
    sections = {part.get("Label", ""): " ".join((part.text or "").split()) for part in root.iter("AbstractText")}
    found = root.find("uId")
    return Report(
        report_id=found.get("id", "") if found is not None else "",
        sections={name: text for name, text in sections.items() if text},
        terms=tuple((term.text or "").strip().lower() for term in root.iter("major")),
    )


def texts_of(reports: Sequence[Report], sections: Sequence[str]) -> Texts:
    """Return what a policy shows of the reports that have its first section."""
    kept = [report for report in reports if sections[0] in report.sections]
    texts = tuple(" ".join(filter(None, (report.sections.get(name) for name in sections))) for report in kept)
    same = [" ".join(text.lower().split()) for text in texts]
    return Texts(
        report_ids=tuple(report.report_id for report in kept),
        texts=texts,
        groups=np.unique(same, return_inverse=True)[1].astype(np.int64),
        labels={name: _labels(kept, beginning) for name, beginning in LABELS.items()},
    )


def _labels(reports: Sequence[Report], beginning: str) -> NDArray[np.int8]:
    pattern = re.compile(rf"(?:{beginning})\b")
    return np.array([any(pattern.match(term) for term in report.terms) for report in reports], dtype=np.int8)
