"""Count how often the one sentence that affirms a finding reaches the top five of a chart full of denials.

Charts of 20 real reports (Open-I, licence: never redistributed), one of which affirms the finding. The gold sentence
is found without the product's own rules: it names the finding, has no word of denial, and the report's human MeSH
labels hold the finding. Charts are seeded; every report but one lacks the label. The collection's
de-identification wiped the word ``angle`` after ``costophrenic``; it is put back in memory. Run from the checkout:
``python -m benchmarks.retrieval_polarity [--data FOLDER] [--charts 50]``.
"""

from __future__ import annotations

import argparse
import random
import re
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from xhaim.config import RetrieveSettings
from xhaim.records import Chunk, Document
from xhaim.retrieve.chunk import chunk
from xhaim.retrieve.dense import minilm
from xhaim.retrieve.hybrid import retrieve
from xhaim.task import Task, load_task
from xhaim.text.sentences import sentences

_DENIAL = re.compile(r"\b(no|not|without|negative|free|resolved|resolution|clear|absent|or)\b", re.IGNORECASE)


@dataclass(frozen=True)
class _Case:
    """A finding, how its gold sentence names it, and what keeps a report out of the other nineteen."""

    title: str
    task: str
    mesh: str
    named: re.Pattern[str]
    barred: re.Pattern[str] | None
    """Not in the gold sentence."""
    absent: tuple[str, ...]
    """MeSH terms that none of the other reports has."""


_EFFUSION = re.compile(r"\beffusions?\b", re.IGNORECASE)
_BLUNTING = re.compile(r"\bblunt(?:ing|ed)\b", re.IGNORECASE)
_ENLARGED = re.compile(r"\b(?:cardiomegaly|enlarged)\b", re.IGNORECASE)
_ANGLE = "Costophrenic Angle"
_CASES = (
    _Case("effusion named", "pleural_effusion", "Pleural Effusion", _EFFUSION, None, ("Pleural Effusion",)),
    _Case("effusion by its sign", "pleural_effusion", _ANGLE, _BLUNTING, _EFFUSION, (_ANGLE, "Pleural Effusion")),
    _Case("cardiomegaly named", "cardiomegaly", "Cardiomegaly", _ENLARGED, None, ("Cardiomegaly",)),
)


def _reports(folder: Path) -> list[tuple[str, str, str]]:
    """Return (id, text of findings and impression, MeSH terms) of each report, by id, no text twice."""
    found: dict[str, tuple[str, str, str]] = {}
    with tarfile.open(folder / "openi_reports" / "reports.tgz") as archive:
        for member in sorted(archive.getmembers(), key=lambda one: one.name):
            stream = archive.extractfile(member) if member.name.endswith(".xml") else None
            if stream is None:
                continue
            tree = ET.parse(stream)
            parts = {part.get("Label"): (part.text or "").strip() for part in tree.iter("AbstractText") if part.text}
            text = "\n\n".join(f"{name}: {parts[name]}" for name in ("FINDINGS", "IMPRESSION") if parts.get(name))
            text = re.sub(r"\b(costophrenic) XXXX", r"\1 angle", text, flags=re.IGNORECASE)
            mesh = " ".join(term.text or "" for tag in ("major", "automatic") for term in tree.iter(tag))
            if text:
                found.setdefault(text, (Path(member.name).stem, text, mesh))
    return list(found.values())


def _gold(text: str, case: _Case) -> list[str]:
    """Return the sentences that name the finding without a word of denial."""
    pieces = [text[start:end] for start, end in sentences(text)]
    named = [piece for piece in pieces if case.named.search(piece) and not _DENIAL.search(piece)]
    return [piece for piece in named if not (case.barred and case.barred.search(piece))]


def _charts(reports: list[tuple[str, str, str]], case: _Case, n: int) -> Iterator[tuple[list[Document], str]]:
    """Yield (20 documents in seeded order, the gold sentence)."""
    positive = [
        (report, found[0]) for report in reports if case.mesh in report[2] and len(found := _gold(report[1], case)) == 1
    ]
    negative = [
        report
        for report in reports
        if not any(term in report[2] for term in case.absent) and not _gold(report[1], case) and len(report[1]) > 80
    ]
    draw = random.Random(0)
    for report, gold in draw.sample(positive, min(n, len(positive))):
        chart = [*draw.sample(negative, 19), report]
        draw.shuffle(chart)
        days = [datetime(2020, 1, 1) + timedelta(days=day) for day in range(20)]
        yield (
            [
                Document(name, "radiology", "Radiology", text, day, day)
                for day, (name, text, _) in zip(days, chart, strict=True)
            ],
            gold,
        )


def _sentence_chunks(document: Document) -> list[Chunk]:
    return [
        Chunk(f"{document.doc_id}:{a}-{b}", document.doc_id, "cxr", document.kind, "", a, b, document.text[a:b],
              document.time, document.known_at)
        for a, b in sentences(document.text)
        if document.text[a:b].upper() not in {"FINDINGS:", "IMPRESSION:"}
    ]  # fmt: skip


class _Cache:
    """Each text embedded once over the whole benchmark."""

    def __init__(self) -> None:
        self._encoder = minilm()
        self._known: dict[str, NDArray[np.float32]] = {}

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._encoder.encode(new), strict=True))
        return np.stack([self._known[text] for text in texts])


def _forms(task: Task) -> dict[str, tuple[Task, RetrieveSettings]]:
    plain = RetrieveSettings(polarity_slots=False)
    one = task.model_copy(update={"anchors": task.anchors[:1]})
    return {
        "one anchor, BM25": (one, plain.model_copy(update={"alpha": 1.0})),
        "one anchor, dense": (one, plain.model_copy(update={"alpha": 0.0})),
        "one anchor, hybrid": (one, plain),
        "anchors joined, hybrid (the paper's plain form)": (task, plain),
        "separate queries, no copies, slots (default)": (task, RetrieveSettings()),
    }


def _hits(charts: list[tuple[list[Chunk], str]], task: Task, settings: RetrieveSettings, embed: _Cache) -> str:
    """Return the share of charts whose gold sentence is in the top five, and the time of a retrieval."""
    for pieces, _ in charts:
        embed([" ".join(one.text.split()) for one in pieces])
    begun = time.process_time()
    found = [
        any(gold in one.chunk.text for one in retrieve("bench", task, "cxr", pieces, embed, settings).chunks)
        for pieces, gold in charts
    ]
    spent = (time.process_time() - begun) / len(charts) * 1000
    return f"hit at 5: {np.mean(found):.2f}   {spent:5.1f} CPU-ms without embedding"


def main() -> None:
    """Print hits in the top five by case and form, with sentences and with real chunks as the unit."""
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=beside)
    parser.add_argument("--charts", type=int, default=50)
    options = parser.parse_args()
    reports, embed = _reports(options.data), _Cache()
    for case in _CASES:
        charts = list(_charts(reports, case, options.charts))
        units: dict[str, Callable[[Document], list[Chunk]]] = {
            "sentences": _sentence_chunks,
            "chunks": partial(chunk, modality="cxr", settings=RetrieveSettings()),
        }
        for unit, cut in units.items():
            pieces = [([piece for one in documents for piece in cut(one)], gold) for documents, gold in charts]
            mean = np.mean([len(chart) for chart, _ in pieces])
            print(f"\n{case.title}: {len(charts)} charts of 20 reports, {mean:.0f} {unit} each")
            for form, (task, settings) in _forms(load_task(case.task)).items():
                print(f"  {form:<50} {_hits(pieces, task, settings, embed)}")


if __name__ == "__main__":
    main()
