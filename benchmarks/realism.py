"""SIMULATED against REAL: python -m benchmarks.realism SIMULATED_STORE REAL_STORE... [options].

Stores are written by ``xhaim ingest``. Prints a comparison for each real store, and of words: ``--films`` is a folder
(of folders) of chest X-ray reports as XML with AbstractText elements, ``--notes`` a csv with a column ``note``.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from pathlib import Path

_PART = re.compile(r'<AbstractText Label="([A-Z]+)">([^<]*)</AbstractText>')


def film_texts(folder: Path) -> list[str]:
    """Return the reports below a folder, with headings; what is de-identified (XXXX) as MIMIC writes it (___)."""
    texts = []
    for path in sorted(folder.rglob("*.xml")):
        parts = _PART.findall(path.read_text(encoding="utf-8"))
        texts.append("\n".join(f"{label}: {text.replace('XXXX', '___')}" for label, text in parts if text.strip()))
    return [text for text in texts if text]


def note_texts(path: Path) -> list[str]:
    """Return the column ``note`` of a csv."""
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8", newline="") as file:
        return [row["note"] for row in csv.DictReader(file) if row["note"]]


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("simulated", type=Path)
    parser.add_argument("real", type=Path, nargs="*")
    parser.add_argument("--films", type=Path)
    parser.add_argument("--notes", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    import polars as pl

    from xhaim.evaluate.realism import as_text, compare
    from xhaim.evaluate.realism_text import compare_texts, text_as_table
    from xhaim.events import NOTE
    from xhaim.source.store import Store

    ours, found = Store.open(given.simulated), {}
    if not ours.simulated:
        parser.error("the first store must be a simulated one")
    for path in given.real:
        theirs = Store.open(path)
        if theirs.simulated:
            parser.error(f"{path} is simulated too")
        found[path.name] = compare(ours.events(), theirs.events())
        print(as_text(found[path.name], path.name), end="\n\n")
    notes = ours.events().filter(pl.col("text_value").is_not_null())
    films = notes.filter(
        pl.col("code").eq(f"{NOTE}//radiology") & pl.col("title").str.contains("CHEST (", literal=True)
    )
    summaries = notes.filter(pl.col("code") == f"{NOTE}//discharge")
    for name, own, real in (
        ("chest films", films, film_texts(given.films) if given.films else []),
        ("discharge summaries against visit notes", summaries, note_texts(given.notes) if given.notes else []),
    ):
        if real:
            texts = own.select("text_value").collect().to_series().to_list()
            found[name] = compare_texts(texts, real)
            print(text_as_table(found[name], name), end="\n\n")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1, sort_keys=True), encoding="utf-8")


if __name__ == "__main__":
    main()
