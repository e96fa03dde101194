"""Whether the judges of a run can be trusted: their verdicts beside people's, as tables and a figure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console

from xhaim.errors import DataError, PrerequisiteError
from xhaim.evaluate.evaluation_figures import standalone
from xhaim.evaluate.evaluation_page import evaluation_page
from xhaim.evaluate.figures import Figure
from xhaim.evaluate.grids import print_tables
from xhaim.evaluate.markup import latex, markdown
from xhaim.evaluate.typed_table import Table
from xhaim.judge.agreement import RESAMPLES
from xhaim.judge.agreement_people import FINAL, read_people
from xhaim.judge.agreement_rows import SCORES_SCHEMA
from xhaim.judge.verdicts import digest
from xhaim.records import Verdict
from xhaim.run.agreement_tables import Findings, figure, findings, tables
from xhaim.run.directory import RunDirectory, read_json, write_frame, write_json
from xhaim.run.judging import read_verdicts
from xhaim.source.write import building

FOLDER = "agreement"
PEOPLE = "people.json"
"""Of ``RUN/verdicts``: a list of the raters there who are people; all others are judges."""
_SUMMARY = "agreement.json"


@dataclass(frozen=True, slots=True)
class Agreed:
    """What was written."""

    path: Path
    tables: tuple[Table, ...]
    summary: dict[str, Any]

    def show(self, console: Console) -> None:
        """Print the tables that the paper has and who agrees with whom, and where all of them lie."""
        keys = ("table-3", "table-4", "agreement", "calibration-to-people")
        print_tables(console, [table.grid for table in self.tables if table.key in keys])
        for note in self.summary["notes"]:
            console.print(f"note: {note}", highlight=False, markup=False)
        console.print(f"agreement: {self.path}", highlight=False, markup=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Explained:
    """The explanations of a run as they are now."""

    digests: Mapping[tuple[str, str], str]
    """(task_id, sample_id) -> SHA-256 of its JSON."""
    stamps: tuple[str, ...]


def agree(
    root: Path,
    people: Sequence[Path] = (),
    out: Path | None = None,
    *,
    width: float = 0.2,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Agreed:
    """Compare the verdicts that a run holds with each other and with those of the files ``people``; write to ``out``.

    ``out`` is ``RUN/agreement`` unless given; ``width``: of the interval that ``sample-size`` is for. Raises
    PrerequisiteError where nobody has judged, DataError for scores of people that do not belong to this run.
    """
    RunDirectory.open(root)
    folder = (out or root / FOLDER).resolve()
    _refuse_others(folder)
    known = explained(root)
    stored, notes = _stored(root, known)
    names = _names_of_people(root)
    judged = [one for one in stored if one.rater not in names]
    given = [(path.name, one) for path in people for one in read_people(path, known.digests)]
    persons = _persons([("verdicts/", one) for one in stored if one.rater in names] + given, judged)
    scores = _frame(root, judged, [one for one in persons if one.rater != FINAL])
    if scores.is_empty():
        raise PrerequisiteError(
            f"nobody has judged the explanations of {root}",
            do=f"xhaim judge {root}, or give people's scores: xhaim agreement {root} --people FILE",
        )
    settled = sum(one.rater == FINAL for one in persons)
    notes += (f"{settled} final scores of adjudication are no rater's own: left out.",) if settled else ()
    notes += () if len(persons) > settled else ("No people's scores were given: judges alone are described.",)
    found = findings(scores, resamples=resamples, seed=seed)
    made = tables(found, scores, width, known.stamps)
    return Agreed(folder, made, _write(folder, made, figure(found, scores, known.stamps), known.stamps, found, notes))


def explained(root: Path) -> Explained:
    """Return which explanations a run holds, and what stands before every number about them."""
    digests: dict[tuple[str, str], str] = {}
    stamps: dict[str, None] = {}
    for path in sorted((root / "explanations").glob("*/*.json")):
        if path.name == "stage.json":
            continue
        raw = path.read_bytes()
        digests[path.parent.name.removeprefix("LEAKY-"), path.stem] = digest(raw)
        try:
            said = json.loads(raw)
            stamps |= {"SIMULATED": None} if said["simulated"] else {}
            stamps |= {"LEAKY": None} if said["report_policy"] == "index_included" else {}
        except (ValueError, KeyError, TypeError, RecursionError):
            raise DataError(f"explanations/{path.parent.name}: one cannot be read", do="run it again") from None
    return Explained(digests, tuple(sorted(stamps, reverse=True)))


def _stored(root: Path, known: Explained) -> tuple[list[Verdict], tuple[str, ...]]:
    """Return the run's own verdicts; those of explanations that read otherwise now are left out, and counted."""
    stored = read_verdicts(root)
    kept = [one for one in stored if known.digests.get((one.task_id, one.sample_id)) == one.explanation]
    gone = len(stored) - len(kept)
    words = (
        f"{gone} stored verdicts are of explanations that have changed or are gone: left out. Run xhaim judge again."
    )
    return kept, (words,) if gone else ()


def _names_of_people(root: Path) -> set[str]:
    path = root / "verdicts" / PEOPLE
    names = read_json(path) if path.exists() else []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path} is no list of raters", do="export people's scores into the run again")
    return {*names, FINAL}


def _persons(given: Sequence[tuple[str, Verdict]], judges: Sequence[Verdict]) -> list[Verdict]:
    """Return people's verdicts, where each came from beside it: those that stand in two places must say the same."""
    others = {one.rater for one in judges}
    found: dict[tuple[str, str, str], Verdict] = {}
    for where, one in given:
        key = (one.rater, one.task_id, one.sample_id)
        if one.rater in others:
            raise DataError(
                f"{where}: a person has the name of one of the run's judges",
                expected="scores of people, each under a name of their own",
            )
        if key in found and dict(found[key].scores) != dict(one.scores):
            raise DataError(
                f"{where}: a verdict that another file has otherwise",
                do="keep the one that holds",
            )
        found.setdefault(key, one)
    return [found[key] for key in sorted(found)]


def _frame(root: Path, judges: Sequence[Verdict], people: Sequence[Verdict]) -> pl.DataFrame:
    subjects: dict[str, str] = {}
    if (path := root / "samples" / "samples.parquet").exists():
        rows = pl.read_parquet(path, columns=["sample_id", "subject_id"])
        subjects = {sample: str(subject) for sample, subject in rows.iter_rows()}

    def of(verdicts: Sequence[Verdict], kind: str) -> Iterator[tuple[str, str, str, str, str, str, int | None]]:
        for one in verdicts:
            group = subjects.get(one.sample_id, one.sample_id)
            for dimension, score in sorted(one.scores.items()):
                yield one.task_id, one.sample_id, group, kind, one.rater, dimension, score

    return pl.DataFrame([*of(people, "person"), *of(judges, "judge")], schema=SCORES_SCHEMA, orient="row")


def _refuse_others(folder: Path) -> None:
    """Only an earlier agreement is replaced."""
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / _SUMMARY).exists())):
        raise DataError(f"{folder} holds something else", expected="a new folder", do="choose another --out")


def _write(
    folder: Path, made: Sequence[Table], drawn: Figure, stamps: tuple[str, ...], found: Findings, notes: Sequence[str]
) -> dict[str, Any]:
    with building(folder) as new:
        (new / "tables").mkdir()
        for table in made:
            (new / "tables" / f"{table.key}.md").write_text(markdown(table.grid), encoding="utf-8")
            (new / "tables" / f"{table.key}.tex").write_text(latex(table.grid), encoding="utf-8")
            write_frame(new / "tables" / f"{table.key}.parquet", table.frame)
        if (svg := standalone(drawn)) is not None:
            (new / "figure-2.svg").write_text(svg, encoding="utf-8")
        page = evaluation_page("Judging", stamps, [table.grid for table in made], [drawn], notes)
        (new / "agreement.html").write_text(page, encoding="utf-8")
        summary = {
            "path": str(folder),
            "stamps": list(stamps),
            "judges": list(found.judges),
            "people": list(found.people),
            "notes": list(notes),
            "tables": {table.key: table.frame.to_dicts() for table in made},
        }
        write_json(new / _SUMMARY, summary)
    return summary
