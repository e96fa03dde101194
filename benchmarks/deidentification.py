"""Measure the privacy gate on identifiers planted into real notes: recall by class, and clean words lost.

Each note gets one sentence for each of several classes, in one of many forms, drawn by a seed, between its own
sentences. An identifier counts as found only if every letter and digit of it is taken out or, for a date, moved. Rules
were tuned on MTS-Dialog's training notes and Open-I with the sentences of ``TUNING``; the figures to quote are those on
ACI-Bench and PriMock57 with the sentences and names of ``REPORTING``, which the rules were not tuned on. Open-I is
itself de-identified, so whatever is taken out of it unplanted is wrong; elsewhere it is an upper bound, since those
notes do name people and days. Run from the checkout:
``python -m benchmarks.deidentification [--data FOLDER] [--notes 400] [--tuning] [--missed 0]``.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import tarfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks.planted_identifiers import KEPT, REPORTING, TUNING, Pool, value
from xhaim.llm.deidentify import find
from xhaim.text.sentences import sentences

_DAYS = -1234


def _csv(path: Path, column: str) -> list[str]:
    csv.field_size_limit(10**8)
    with path.open(encoding="utf-8", newline="") as file:
        return [row[column] for row in csv.DictReader(file) if row[column].strip()]


def notes_of(data: Path, source: str) -> list[str]:
    """Return the texts of one source, in a fixed order."""
    if source == "mts_dialog":
        return _csv(data / source / "MTS-Dialog-TrainingSet.csv", "section_text")
    if source == "aci_bench":
        return [text for part in ("train", "valid") for text in _csv(data / source / f"{part}.csv", "note")]
    if source == "primock57":
        return [json.loads(path.read_text())["note"] for path in sorted((data / source / "notes").glob("*.json"))]
    with tarfile.open(data / "openi_reports" / "reports.tgz") as archive:
        names = sorted(name for name in archive.getnames() if name.endswith(".xml"))
        files = [archive.extractfile(name) for name in names]
        trees = [ET.parse(file) for file in files if file is not None]
    return [
        "\n".join(f"{part.get('Label')}: {part.text}" for part in tree.iter("AbstractText") if part.text)
        for tree in trees
    ]


def planted(
    note: str, forms: dict[str, list[str]], pool: Pool, rng: random.Random
) -> tuple[str, list[tuple[str, int, int]]]:
    """Return the note with a sentence for each of six classes, and where each identifier stands: class, start, end."""
    ends = [end for _, end in sentences(note)] or [len(note)]
    chosen = rng.sample(sorted(forms), min(6, len(forms)))
    put = sorted((rng.choice(ends), n, kind) for n, kind in enumerate(chosen))
    text, at, spans = "", 0, []
    for place, _, kind in put:
        text += note[at:place] + rng.choice([" ", "\n"])
        at = place
        before, after = rng.choice(forms[kind]).split("{x}")
        told = value(kind, pool, rng)
        text += before
        spans.append((kind, len(text), len(text) + len(told)))
        text += told + after
    return text + note[at:], spans


def measure(
    name: str, notes: Sequence[str], forms: dict[str, list[str]], pool: Pool, n: int, missed: int
) -> Counter[str]:
    """Print recall by class of one source; return found and planted by class."""
    rng = random.Random(f"{name} 7")
    count: Counter[str] = Counter()
    lost: list[str] = []
    for note in (rng.choice(notes) for _ in range(n)):
        text, spans = planted(note, forms, pool, rng)
        covered = {at for span in find(text, _DAYS) for at in range(span.start, span.end)}
        for kind, start, end in spans:
            hit = all(at in covered for at in range(start, end) if text[at].isalnum())
            count[f"{kind} planted"] += 1
            count[f"{kind} found"] += hit
            if not hit:
                lost.append(
                    f"    {kind}: {text[max(0, start - 30) : start]!r} >{text[start:end]}< {text[end : end + 15]!r}"
                )
    for line in lost[:missed]:
        print(line)
    return count


def clean_loss(notes: Sequence[str]) -> tuple[int, int, int, Counter[str]]:
    """Return words in all, words taken out, words in dates that moved, and what was taken out."""
    words = out = moved = 0
    what: Counter[str] = Counter()
    for note in notes:
        spans = find(note, _DAYS)
        for match in re.finditer(r"[^\W_][\w'\u2019/.-]*", note):
            words += 1
            span = next((one for one in spans if one.start < match.end() and match.start() < one.end), None)
            if span is not None:
                moved += span.instead is not None
                out += span.instead is None
        what.update(f"{one.kind}: {note[one.start : one.end]}" for one in spans if one.instead is None)
    return words, out, moved, what


def main() -> None:
    """Print the tables."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--data", type=Path, default=Path("../shared/data"))
    asked.add_argument("--notes", type=int, default=400)
    asked.add_argument("--tuning", action="store_true")
    asked.add_argument("--missed", type=int, default=0)
    args = asked.parse_args()
    sources = ("mts_dialog", "openi") if args.tuning else ("aci_bench", "primock57")
    forms, pool = TUNING if args.tuning else REPORTING
    counts = {name: measure(name, notes_of(args.data, name), forms, pool, args.notes, args.missed) for name in sources}
    print(f"{'recall':14}" + "".join(f"{name:>22}" for name in sources))
    for kind in forms:
        cells = [
            f"{c[f'{kind} found']}/{c[f'{kind} planted']} = {c[f'{kind} found'] / max(1, c[f'{kind} planted']):.3f}"
            for c in counts.values()
        ]
        print(f"{kind:14}" + "".join(f"{cell:>22}" for cell in cells))
    total = [
        (sum(v for k, v in c.items() if k.endswith("found")), sum(v for k, v in c.items() if k.endswith("planted")))
        for c in counts.values()
    ]
    print(f"{'all':14}" + "".join(f"{f'{a}/{b} = {a / b:.3f}':>22}" for a, b in total))
    print()
    for name in (*sources, "openi") if not args.tuning else sources:
        notes = notes_of(args.data, name)
        words, out, moved, what = clean_loss(
            notes[1::2] if name == "openi" and not args.tuning else notes[::2] if name == "openi" else notes
        )
        print(f"{name}: {words} clean words, {out} taken out ({100 * out / words:.3f} %), {moved} in dates that moved")
        for told, n in what.most_common(args.missed):
            print(f"    {n:4} {told}")
    hurt = [told for told in KEPT if find(told, _DAYS)]
    print(f"medical words and numbers that must stay: {len(KEPT) - len(hurt)} of {len(KEPT)} did")
    for told in hurt:
        print(f"    lost in: {told}")


if __name__ == "__main__":
    main()
