"""Evaluation by one command: a run for each report policy, then every table and figure over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from xhaim.config import RunSettings
from xhaim.errors import DataError, TaskError, did_you_mean
from xhaim.evaluate.artefacts import Artefacts
from xhaim.evaluate.bootstrap import RESAMPLES
from xhaim.evaluate.evaluation_tables import evaluation_tables
from xhaim.evaluate.experiment import POLICIES, Experiment
from xhaim.evaluate.grids import print_tables
from xhaim.evaluate.typed_table import Table
from xhaim.records import ReportPolicy
from xhaim.run.context import EngineName, Watcher
from xhaim.run.evaluation_files import FORMATS, write_evaluation
from xhaim.run.experiments import experiments_of
from xhaim.run.pipeline import Results, begin, execute, load_tasks, plan
from xhaim.run.reporting import Report, write_report

SYSTEMS = (*RunSettings.model_fields["systems"].default, "demographics", "another_patients_text")
"""What is fitted unless it is said: a run's own, and two more that a real model must beat."""
FOLDER = "evaluation"
OWN_POLICY = "own_policy"
"""Folder of the run in which each task has the report policy of its own file."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an evaluation is asked for beyond the settings of its runs (which name the systems)."""

    policies: tuple[ReportPolicy, ...] = ()
    """One run for each; empty: one run, each task with its own."""
    formats: tuple[str, ...] = FORMATS
    resamples: int = RESAMPLES
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was written."""

    path: Path
    tables: tuple[Table, ...]
    summary: dict[str, Any]

    def show(self, console: Console) -> None:
        """Print the tables that compare models, and where all of them lie."""
        keys = ("table-2", "performance", "comparisons", "policies", "shapley")
        print_tables(console, [table.grid for table in self.tables if table.key in keys])
        console.print(f"evaluation: {self.path}", highlight=False, markup=False, soft_wrap=True)


def check_wanted(policies: Sequence[str], formats: Sequence[str]) -> tuple[tuple[ReportPolicy, ...], tuple[str, ...]]:
    """Return policies and formats, each once. Raises TaskError or DataError for a name that is none."""
    able: dict[str, ReportPolicy] = {policy: policy for policy in POLICIES if policy != "admissible"}
    for policy in policies:
        if policy not in able:
            raise TaskError(f"no report policy '{policy[:40]}'", expected=did_you_mean(policy, able))
    for name in formats:
        if name not in FORMATS:
            raise DataError(f"no format '{name[:40]}'", expected=did_you_mean(name, FORMATS))
    return tuple(dict.fromkeys(able[policy] for policy in policies)), tuple(dict.fromkeys(formats)) or FORMATS


def runs_of(settings: RunSettings, wanted: Wanted) -> list[tuple[str, RunSettings]]:
    """Return folder and settings of each run; tasks without an image, of which no policy is, are in the first alone."""
    about_images = tuple(
        name for name, task in zip(settings.tasks, load_tasks(settings), strict=True) if task.needs_image
    )
    if not wanted.policies:
        return [(OWN_POLICY, settings)]
    return [
        (
            f"{'LEAKY-' if policy == 'index_included' else ''}{policy}",
            settings.model_copy(update={"tasks": names, "report_policy": policy}),
        )
        for place, policy in enumerate(wanted.policies)
        if (names := about_images if place else settings.tasks)
    ]


def plan_evaluation(store: Path, settings: RunSettings, out: Path, wanted: Wanted) -> dict[str, Any]:
    """Say what an evaluation would do, without doing it. Raises what can be known to be wrong before its first run."""
    _refuse_others(out)
    runs = {name: plan(store, mine, out / name) for name, mine in runs_of(settings, wanted)}
    return {
        "prediction_time": next(iter(runs.values()))["prediction_time"],
        "runs": runs,
        "into": str(out / FOLDER),
        "formats": list(wanted.formats),
        "resamples": wanted.resamples,
    }


def evaluate(
    store: Path,
    settings: RunSettings,
    out: Path,
    wanted: Wanted,
    watch: Watcher,
    workers: int | None = None,
    engine: EngineName = "local",
) -> Evaluation:
    """Do or go on with a run for each report policy in ``out/<policy>/``; write all tables to ``out/evaluation/``.

    Raises DataError where ``out`` holds something else, TaskError for a system or a policy that is none.
    """
    planned = plan_evaluation(store, settings, out, wanted)  # what is wrong is said before the first hour of work
    done: list[tuple[Results, Report]] = []
    experiments: list[Experiment] = []
    for name, mine in runs_of(settings, wanted):
        results = execute(begin(store, mine, out / name, watch, workers, engine))
        done.append((results, write_report(results)))
        experiments += experiments_of(results)
    with watch.stage("evaluate") as progress:
        tables = evaluation_tables(experiments, resamples=wanted.resamples, seed=wanted.seed, progress=progress)
    facts = _artefacts(done, experiments, tables, str(planned["prediction_time"]))
    summary = write_evaluation(out / FOLDER, facts, wanted.formats)
    return Evaluation(out / FOLDER, tables, {"runs": sorted(planned["runs"]), **summary})


def _artefacts(
    done: Sequence[tuple[Results, Report]], experiments: Sequence[Experiment], tables: Sequence[Table], when: str
) -> Artefacts:
    results, report = done[0]
    store, times = results.run.store, results.people.samples["prediction_time"].drop_nulls().sort()
    return Artefacts(
        header=replace(report.header, notes=tuple(dict.fromkeys(note for _, one in done for note in one.header.notes))),
        settings=results.run.settings,
        source=str(store.info.get("source", "records of an unnamed source")),
        when=when,
        first=times[0] if len(times) else None,
        last=times[-1] if len(times) else None,
        remarks=tuple(str(remark) for remark in store.info.get("remarks", [])),
        experiments=tuple(experiments),
        tables={table.key: table for table in tables},
        data={grid.key: grid for grid in report.grids},
    )


def _refuse_others(out: Path) -> None:
    known = {FOLDER, OWN_POLICY, "LEAKY-index_included", *POLICIES}
    if out.is_file() or (out.is_dir() and any(p.name not in known and p.name[0] != "." for p in out.iterdir())):
        raise DataError(
            f"{out} holds something else than an evaluation",
            expected=f"a new folder, or one that holds {FOLDER}/ and a run for each report policy",
            do="choose another --out",
        )
