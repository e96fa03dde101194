"""``xhaim stress``: how the risks of a run's test samples hold when their records are perturbed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console

from xhaim.atomic import write_bytes
from xhaim.errors import TaskError, did_you_mean
from xhaim.evaluate.evaluation_page import evaluation_page
from xhaim.evaluate.grids import Grid, print_tables
from xhaim.evaluate.header import RunHeader, stamps
from xhaim.evaluate.stress import STRESS_SCHEMA, effect
from xhaim.evaluate.stress_figures import stress_figures
from xhaim.evaluate.stress_grids import stress_grids
from xhaim.evaluate.stress_groups import by_group
from xhaim.evaluate.stress_words import StressRow, TaskStress
from xhaim.run.context import Watcher
from xhaim.run.directory import RunDirectory, Stage, write_json
from xhaim.run.parallel import close_engines, share
from xhaim.run.pipeline import Results
from xhaim.run.single import reopen
from xhaim.run.stress_hidden import hidden_attributes
from xhaim.run.stress_houses import by_house
from xhaim.run.stress_jobs import chosen_samples, jobs, path_of, perturb
from xhaim.run.stress_plan import BLOCK_WORDS, Perturbation, perturbations
from xhaim.run.stress_refit import hold_out
from xhaim.run.watch import Quiet
from xhaim.task import Task

PERMUTATIONS = 100
"""Of an attribute, for the p of the audit."""


@dataclass(frozen=True, slots=True)
class Stressed:
    """What was written."""

    path: Path
    grids: tuple[Grid, ...]
    header: RunHeader
    summary: dict[str, Any]

    def show(self, console: Console) -> None:
        """Print the tables and where the page lies."""
        print_tables(console, self.grids)
        for note in self.header.notes:
            console.print(f"note: {note}", highlight=False, markup=False)
        console.print(f"report: {self.path}", highlight=False, markup=False, soft_wrap=True)


def stress(
    root: Path,
    task_ids: Sequence[str],
    samples: int,
    watch: Watcher,
    *,
    workers: int | None = None,
    refit_hospitals: bool = False,
    permutations: int = PERMUTATIONS,
) -> Stressed:
    """Perturb the test samples of a run, and write ``stress.json`` and ``stress.html`` into it.

    ``task_ids``: empty for all. ``samples``: of each task, whose notes go through all steps again. ``workers``:
    processes, one for each core unless said; never changes a result. ``refit_hospitals``: fit models again without some
    houses, and test them there. What is there of an earlier call is kept. Raises TaskError for a task that the run does
    not have.
    """
    results = reopen(root, watch)
    if workers is not None:
        results = replace(results, run=replace(results.run, workers=workers))
    tasks = _wanted(results.run.tasks, task_ids)
    try:
        found = [_one_task(results, task, samples, permutations, refit_hospitals) for task in tasks]
    finally:
        close_engines()
    header = _header(results, tasks, found)
    grids = stress_grids(found, header)
    run = results.run
    path = run.directory.root / f"{_name(leaky=run.leaky)}.html"
    marks = stamps(header, tuple(task.id for task in tasks))
    figures = stress_figures(found, header)
    write_bytes(path, evaluation_page(header.title, marks, grids, figures, header.notes).encode())
    summary = {
        "report": str(path),
        "simulated": header.simulated,
        "leaky": header.leaky,
        "report_policy": dict(header.report_policy),
        "samples": samples,
        "tasks": [asdict(one) for one in found],
        "notes": list(header.notes),
    }
    write_json(path.with_suffix(".json"), summary)
    return Stressed(path, grids, header, summary)


def plan_stress(root: Path, task_ids: Sequence[str], samples: int, *, refit_hospitals: bool = False) -> dict[str, Any]:
    """Say what ``stress`` would do to a run, without doing it. Raises as it does."""
    manifest = RunDirectory.open(root).manifest()
    there = list(manifest["report_policy"])
    for name in task_ids:
        if name not in there:
            raise TaskError(f"the run has no task '{name}'", expected=did_you_mean(name, there))
    named = perturbations(list(BLOCK_WORDS))
    return {
        "would": f"perturb the records of test samples in {len(named)} ways, controls among them",
        "tasks": [name for name in there if not task_ids or name in task_ids],
        "samples with perturbed notes": samples,
        "models fitted again without some houses": refit_hospitals,
        "into": [str(root / f"{_name(leaky=manifest['leaky'])}.{suffix}") for suffix in ("html", "json")],
        "perturbations": {one.id: one.title for one in named},
    }


def _name(*, leaky: bool) -> str:
    return "LEAKY-stress" if leaky else "stress"


def _wanted(tasks: Sequence[Task], task_ids: Sequence[str]) -> list[Task]:
    known = {task.id: task for task in tasks}
    for name in task_ids:
        if name not in known:
            raise TaskError(f"the run has no task '{name}'", expected=did_you_mean(name, known))
    return [task for task in tasks if not task_ids or task.id in task_ids]


def _one_task(results: Results, task: Task, samples: int, permutations: int, refit: bool) -> TaskStress:
    run = results.run
    mine = results.explainers[task.id]
    every = [replace(mine, split=split) for split in range(run.settings.split.repeats)]
    splits = [one for one in every if not one.rows.too_few]
    if not splits:
        return TaskStress(task.id, task.title, f"there are {mine.rows.too_few}", (), (), (), "")
    features = splits[0].features
    wanted = perturbations([*features.texts, *features.blocks])
    chosen = chosen_samples(splits, samples)
    stage = run.task_stage("stress", task, run.key("stress", mine.predictions.key, samples))
    silent = [replace(one, run=replace(run, watch=Quiet())) for one in splits]
    todo = [job for one, ids in zip(silent, chosen, strict=True) for job in jobs(stage, one, ids, wanted)]
    with run.watch.stage(f"stress: {task.title}") as progress:
        share(run, perturb, todo, progress)
    with run.watch.stage(f"read out: {task.title}") as progress:
        tested = _tested(stage, [one.split for one in splits], wanted)
        progress(1, 3)
        kind, groups = by_house(run, splits)
        progress(2, 3)
        hidden = hidden_attributes(splits[0], permutations)
        progress(3, 3)
    held = hold_out(run, stage, splits[0]) if refit else []
    return TaskStress(task.id, task.title, None, tested, tuple(by_group(groups)), tuple(hidden), kind, tuple(held))


def _tested(stage: Stage, splits: Sequence[int], wanted: Sequence[Perturbation]) -> tuple[StressRow, ...]:
    rows = {one.id: _rows(stage, splits, one) for one in wanted}
    titles = {one.id: one.title for one in wanted}
    return tuple(
        StressRow(
            one.id,
            one.group,
            one.title,
            one.of,
            effect(rows[one.id], None if one.control is None else (titles[one.control], rows[one.control])),
        )
        for one in wanted
    )


def _rows(stage: Stage, splits: Sequence[int], perturbation: Perturbation) -> pl.DataFrame:
    paths = [path_of(stage, split, perturbation) for split in splits]
    return pl.concat([pl.DataFrame(schema=STRESS_SCHEMA), *(pl.read_parquet(path) for path in paths if path.exists())])


def _header(results: Results, tasks: Sequence[Task], found: Sequence[TaskStress]) -> RunHeader:
    run = results.run
    notes = [f"{one.title}: not tested: {one.unfitted}" for one in found if one.unfitted]
    if run.settings.llm.url is not None:
        notes.append(
            "The run's summaries were written by a language model; those of perturbed notes are extractive, and are "
            "compared with extractive summaries of the notes as they were. The row 'nothing changed' shows what the "
            "other writer alone changes."
        )
    return RunHeader(
        title=f"xHAIM under stress: {', '.join(task.title for task in tasks)}",
        simulated=run.store.simulated,
        report_policy={task.id: run.policy(task) for task in tasks},
        leaky=any(run.policy(task) == "index_included" for task in tasks),
        config_hash=run.directory.manifest()["settings_hash"],
        data_fingerprint=run.store.fingerprint,
        notes=tuple(notes),
    )
