"""True sentences of real and simulated notes, each with the words that it stands among: what ``claims`` starts from.

Real: MTS-Dialog and ACI-Bench notes, MEDEC texts as corrected, Open-I reports. SIMULATED: notes that xHAIM writes.
The part "train" is what the shipped detector was fitted to. Open-I, whose licence forbids derived copies, is never in
it; simulated notes are, of another seed. Texts with one opening (MEDEC's twins) are always in the same part.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.openi_reports import read_reports
from xhaim.source.simulate import simulate
from xhaim.text.sentences import sentences

csv.field_size_limit(1 << 24)
_AROUND = 2
"""Sentences before and behind the true one that are cited with it."""
_SEEDS = {"train": 11, "test": 6}
_FEWEST, _MOST = 4, 40
"""Words of a sentence that is taken."""


@dataclass(frozen=True, slots=True)
class Truth:
    """A sentence that is true because it stands there."""

    corpus: str
    doc_id: str
    place: int
    """Its place in the text."""
    sentence: str
    evidence: str
    """The sentence among its neighbours, as the note writes them."""
    document: str

    @property
    def key(self) -> str:
        """Its own name."""
        return f"{self.corpus}:{self.doc_id}:{self.place}"


def truths(data: Path, part: str) -> list[Truth]:
    """Return the true sentences of the part ``train`` or ``test``, in the order of corpus, text and place."""
    found = [*_mts(data, part), *_aci(data, part), *_medec(data, part)]
    return [*found, *_simulated(_SEEDS[part]), *(_openi(data) if part == "test" else ())]


def draw(key: str, of: int) -> int:
    """Return a number below ``of`` that depends on the key alone."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6]) % of


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _mts(data: Path, part: str) -> Iterator[Truth]:
    name = {"train": "MTS-Dialog-TrainingSet.csv", "test": "MTS-Dialog-ValidationSet.csv"}[part]
    for row in _rows(data / "mts_dialog" / name):
        yield from _of("mts_dialog", row["ID"], row["section_text"])


def _aci(data: Path, part: str) -> Iterator[Truth]:
    for row in _rows(data / "aci_bench" / {"train": "train.csv", "test": "valid.csv"}[part]):
        yield from _of("aci_bench", row["encounter_id"], row["note"])


def _medec(data: Path, part: str) -> Iterator[Truth]:
    name = "MEDEC-MS-ValidationSet-with-GroundTruth-and-ErrorType.csv"
    for row in _rows(data / "medec" / name):
        text = row["Corrected Text"] if row["Error Flag"] == "1" else row["Text"]
        if (draw(" ".join(text.lower().split()[:6]), 3) == 0) == (part == "test"):
            yield from _of("medec", row["Text ID"], text)


def _openi(data: Path) -> Iterator[Truth]:
    seen = set()
    for report in read_reports(data / "openi_reports"):
        text = " ".join(report.sections.get(name, "") for name in ("FINDINGS", "IMPRESSION")).strip()
        if text and "xxxx" not in text.lower() and text not in seen:
            seen.add(text)
            yield from _of("openi_reports", report.report_id, text)


def _simulated(seed: int) -> Iterator[Truth]:
    """Notes of simulated stays."""
    with tempfile.TemporaryDirectory() as folder:
        simulate(Path(folder) / "cohort", stays=30, seed=seed, images=False, workers=1)
        for file in sorted(Path(folder).rglob("*.csv.gz")):
            if file.name in ("discharge.csv.gz", "radiology.csv.gz"):
                with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
                    rows = list(csv.DictReader(lines))
                for row in rows:
                    yield from _of("SIMULATED", row["note_id"], row["text"])


def _of(corpus: str, doc_id: str, text: str) -> Iterator[Truth]:
    spans = sentences(text)
    for place, (start, end) in enumerate(spans):
        sentence = " ".join(text[start:end].split())
        if _FEWEST <= len(sentence.split()) <= _MOST and not (sentence.endswith(("?", ":")) or sentence.isupper()):
            around = spans[max(0, place - _AROUND) : place + _AROUND + 1]
            yield Truth(corpus, doc_id, place, sentence, text[around[0][0] : around[-1][1]], text)
