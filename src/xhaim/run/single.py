"""A run that is there: opened again as it was made, and one sample of it explained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from xhaim.cohort.samples import find_sample
from xhaim.config import RunSettings
from xhaim.errors import DataError, PrerequisiteError, TaskError, did_you_mean
from xhaim.evaluate.report import render
from xhaim.events import INPUT, MEDICATION
from xhaim.modality.words import drugs, in_words, marked
from xhaim.records import Explanation, Record
from xhaim.run.as_fhir import as_fhir
from xhaim.run.cited import cited
from xhaim.run.context import Run, Watcher
from xhaim.run.directory import RunDirectory, code_hash
from xhaim.run.explanations import split_of
from xhaim.run.known import known_of
from xhaim.run.people import gather
from xhaim.run.pipeline import Results, begin, execute
from xhaim.run.reporting import report_header
from xhaim.run.watch import Quiet
from xhaim.summarize.network_words import network_words
from xhaim.task import Task


@dataclass(frozen=True, slots=True)
class Explained:
    """An explanation, and what it was made of."""

    explanation: Explanation
    results: Results
    record: Record

    def page(self) -> str:
        """Return a page of its own, as in the report: one file that asks no other host for anything."""
        told, records, summaries = cited(self.results, [self.explanation])
        tasks = [task for task in self.results.run.tasks if task.id == self.explanation.task_id]
        return render(report_header(self.results), tasks, (), (), told, records, summaries)

    def fhir(self) -> dict[str, Any]:
        """Return a FHIR R4 bundle: RiskAssessment and Provenance; times in the store's zone, UTC where it has none."""
        run = self.results.run
        return as_fhir(self.explanation, self.record, run.directory.manifest(), run.store.info.get("time_zone"))


def reopen(root: Path, watch: Watcher) -> Results:
    """Return the results of a run; what an interruption left undone is done now.

    Raises PrerequisiteError for a folder that is no run, or a run made by other code.
    """
    return execute(_run(root, watch))


def _run(root: Path, watch: Watcher) -> Run:
    directory = RunDirectory.open(root)
    manifest = directory.manifest()
    if manifest["code"] != code_hash():
        raise PrerequisiteError(
            f"{root} was made by another version of the code",
            got=f"{manifest['version']} ({manifest['code']})",
            expected=code_hash(),
            do=f"xhaim run {manifest['store']} --out {root} with the same options: it does what must be done again",
        )
    return begin(Path(manifest["store"]), RunSettings.model_validate(manifest["settings"]), root, watch)


def _task(run: Run, task_id: str) -> Task:
    for task in run.tasks:
        if task.id == task_id:
            return task
    raise TaskError(f"the run has no task '{task_id}'", expected=did_you_mean(task_id, [task.id for task in run.tasks]))


def list_samples(root: Path, task_id: str) -> list[dict[str, Any]]:
    """Return the samples that have a label for a task, the highest risk first: id, prediction time, risk, label.

    The risk is that of the first split that tested on the sample; ``None`` where none did, or no model was fitted. The
    label is there for whoever compares; it was not known then.
    """
    run = _run(root, Quiet())
    task, people = _task(run, task_id), gather(run)
    mark = "LEAKY-" if run.policy(task) == "index_included" else ""
    rows = [pl.read_parquet(path) for path in sorted((root / "models" / f"{mark}{task.id}").glob("split-*.parquet"))]
    none = pl.DataFrame(schema={"sample_id": pl.String(), "risk": pl.Float64()})
    tested = none if not rows else pl.concat(rows).filter((pl.col("model") == "xhaim") & (pl.col("part") == "test"))
    risks = tested.select("sample_id", "risk").unique("sample_id", keep="first", maintain_order=True)
    labels = people.labels[task.id].select("sample_id", "label")
    found = people.of(task).select("sample_id", "prediction_time").join(risks, on="sample_id", how="left")
    found = found.join(labels, on="sample_id", how="left")
    return found.sort("risk", "sample_id", descending=[True, False], nulls_last=True).to_dicts()


def record_in_words(root: Path, task_id: str, wanted: str, watch: Watcher) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return what a sample's record held before its prediction, in sentences with marks, and what each mark stands for.

    Values, devices, drugs and what is missing of the task's signals; then what the small network reads in the image.
    """
    run = _run(root, watch)
    task, people = _task(run, task_id), gather(run)
    sample = find_sample(people.samples, wanted)
    split, _ = split_of(people, task, sample, run.settings.split.repeats)
    explainer = replace(execute(run).explainers[task.id], split=split)
    row = people.samples.filter(pl.col("sample_id") == sample.sample_id)
    seen = known_of(run.store, row, run.policy(task), also=(INPUT, MEDICATION))
    names = dict(run.store.codes().select("code", "description").drop_nulls().iter_rows())
    given = drugs(seen, names).get(sample.sample_id, ())
    lines, marks = marked(in_words(explainer.record(sample), given, task.signals))
    read = () if explainer.rows.too_few else network_words(explainer.features, sample.sample_id)
    return (*lines, *read), marks


def explain_one(root: Path, task_id: str, wanted: str, watch: Watcher, additive: int = 0) -> Explained:
    """Explain one sample of a run, by the model of a split that did not train on it where there is one.

    ``additive``: orders over which the risk is shared among what is cited; 0: not.
    Raises DataError for a leaky task: what its model says of one patient is no prediction.
    """
    run = _run(root, watch)
    task = _task(run, task_id)
    if run.policy(task) == "index_included":
        raise DataError(
            f"the run's model of {task_id} is LEAKY: it reads the report that states the answer",
            got="report policy index_included",
            expected="a run whose risk is a prediction",
            do=f"xhaim run {run.store.path} --task {task_id} --report-policy prior_only --out NEW_RUN",
        )
    sample = find_sample(gather(run).samples, wanted)
    results = execute(run)
    split, _ = split_of(results.people, task, sample, results.run.settings.split.repeats)
    settings = run.settings.model_copy(
        update={"explain": run.settings.explain.model_copy(update={"additive": additive})}
    )
    explainer = replace(results.explainers[task.id], split=split, run=replace(run, settings=settings))
    return Explained(explainer.explain(sample), results, explainer.record(sample))
