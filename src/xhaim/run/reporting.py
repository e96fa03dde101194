"""The report of a run: tables, figures and explanations from what its stages hold, written as ``report.html``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console

from xhaim import __version__
from xhaim.atomic import write_bytes
from xhaim.evaluate.data_grids import data_grids
from xhaim.evaluate.figures import figures
from xhaim.evaluate.grids import Grid, grids, print_tables
from xhaim.evaluate.header import RunHeader
from xhaim.evaluate.report import render
from xhaim.evaluate.tables import all_tables
from xhaim.explain.verify import verify
from xhaim.modality.absent import absent
from xhaim.records import Explanation, Record
from xhaim.run.baselines import BASELINES
from xhaim.run.cited import cited
from xhaim.run.directory import code_hash, write_json
from xhaim.run.explanations import read_explanations
from xhaim.run.models import all_predictions
from xhaim.run.people import People
from xhaim.run.pipeline import Results
from xhaim.run.truth import best_possible


@dataclass(frozen=True, slots=True)
class Report:
    """What was written."""

    path: Path
    grids: tuple[Grid, ...]
    header: RunHeader
    summary: dict[str, Any]

    def show(self, console: Console) -> None:
        """Print the tables and where the page lies."""
        print_tables(console, self.grids)
        for absence in self.header.modalities_absent:
            console.print(f"absent: {absence}", highlight=False, markup=False)
        checks = self.summary["citations"]
        console.print(
            f"{checks['resolved']} of {checks['total']} citations in {self.summary['explanations']} explanations "
            "resolve to a span, a measurement or an image of their sample, known before the prediction time.",
            highlight=False,
        )
        for note in self.header.notes:
            console.print(f"note: {note}", highlight=False, markup=False)
        console.print(f"report: {self.path}", highlight=False, markup=False, soft_wrap=True)


def write_report(results: Results) -> Report:
    """Write ``report.html`` and ``report.json`` of a run, or ``LEAKY-report…`` of a leaky one; return what they say."""
    run, people = results.run, results.people
    asked = ["xhaim", *run.settings.systems, *BASELINES]  # more may lie there of an earlier run
    predictions = all_predictions(list(results.predictions.values())).filter(pl.col("model").is_in(asked))
    header = report_header(results)
    with run.watch.stage("report") as progress:
        truth = best_possible(run.store, people, run.tasks)
        lost = attrition(people, [task.id for task in run.tasks])
        tables = all_tables(predictions, lost, truth, header, run.tasks, labels=_labels(people))
        data = results.data
        attrition_grid, *model_grids = grids(tables, header)
        shown = (attrition_grid, *data_grids(data, header, run.tasks), *model_grids)
        progress(1, 3)
        written = [item for task in run.tasks for item in read_explanations(results.explanations[task.id])]
        explanations, records, summaries = cited(results, written)
        progress(2, 3)
        page = render(
            header, run.tasks, shown, figures(predictions, header, run.tasks), explanations, records, summaries
        )
        path = run.report(".html")
        write_bytes(path, page.encode())
        summary = {
            "report": str(path),
            "simulated": header.simulated,
            "leaky": header.leaky,
            "report_policy": dict(header.report_policy),
            "table_1": [asdict(row) for row in tables.table_1],
            "table_1b": data.who.to_dicts(),
            "set_aside": data.set_aside.to_dicts(),
            "index_reports": data.index_reports.to_dicts(),
            "table_2": [asdict(row) for row in tables.table_2],
            "differences": [asdict(row) for row in tables.differences],
            "explanations": len(explanations),
            "citations": _citations(explanations, records),
            "statements_dropped": sum(len(item.dropped) for item in explanations),
            "modalities_absent": list(header.modalities_absent),
            "notes": list(header.notes),
        }
        write_json(run.report(".json"), summary)
        progress(3, 3)
    return Report(path, shown, header, summary)


def attrition(people: People, task_ids: Sequence[str]) -> pl.DataFrame:
    """Return task_id, step, reason, n: for each task everybody first, then who was left out, then who was kept."""
    common = people.attrition.filter(pl.col("task_id").is_null())
    parts = []
    for task_id in task_ids:
        own = people.attrition.filter((pl.col("task_id") == task_id) & (pl.col("reason") != "of them positive"))
        parts.append(pl.concat([common, own]).with_columns(pl.lit(task_id).alias("task_id")))
    return pl.concat(parts).rename({"stage": "step"}).filter((pl.col("n") > 0) | (pl.col("step") == "label"))


def _labels(people: People) -> pl.DataFrame:
    return pl.concat([frame.with_columns(pl.lit(task_id).alias("task_id")) for task_id, frame in people.labels.items()])


def report_header(results: Results) -> RunHeader:
    """Return what a report says of its run before any number."""
    run = results.run
    gaps = absent(run.store.events())
    reasons = [
        f"{task.title}: no model was fitted and no AUC is given: {why}"
        for task in run.tasks
        if (why := results.explainers[task.id].rows.too_few)
    ]
    who = results.people.samples.select("subject_id", "stay_id")
    persons = run.store.persons()
    if persons is not None:
        who = who.join(persons, on="subject_id", how="left").with_columns(
            pl.coalesce("person_id", "subject_id").alias("subject_id")
        )
    return RunHeader(
        title=f"xHAIM: {', '.join(task.title for task in run.tasks)}",
        simulated=run.store.simulated,
        report_policy={task.id: run.policy(task) for task in run.tasks},
        leaky=run.leaky,
        versions={"xhaim": f"{__version__} ({code_hash()})", **_versions(("torch", "xgboost-cpu", "polars"))},
        config_hash=run.directory.manifest()["settings_hash"],
        data_fingerprint=run.store.fingerprint,
        n_subjects=who["subject_id"].n_unique(),
        n_stays=who["stay_id"].drop_nulls().n_unique(),
        modalities_absent=tuple(f"{name} ({cost})" for name, cost in gaps.items()),
        notes=(*(f"records: {remark}" for remark in run.store.info.get("remarks", [])), *reasons),
    )


def _versions(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _citations(explanations: Sequence[Explanation], records: dict[str, Record]) -> dict[str, int]:
    """Count the citations, and those that verification finds at their source, in their sample, before t."""
    total = resolved = sentence_faults = 0
    for item in explanations:
        faults = verify(item, records[item.sample_id])
        bad = {fault.marker for fault in faults}
        total += len(item.citations)
        resolved += sum(citation.marker not in bad for citation in item.citations)
        sentence_faults += sum(fault.marker is None for fault in faults)
    return {"total": total, "resolved": resolved, "sentence_faults": sentence_faults}
