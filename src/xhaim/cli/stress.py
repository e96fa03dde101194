"""The verb that perturbs the records of a run's test samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xhaim.cli.app import app
from xhaim.cli.words import AsJson, DryRun, say, watch


@app.command()
def stress(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    task: Annotated[list[str], typer.Option(help="Id of one of the run's tasks; may be repeated.")] = [],  # noqa: B006
    samples: Annotated[
        int, typer.Option(min=1, help="Test samples of each task whose perturbed notes go through all steps again.")
    ] = 100,
    refit_hospitals: Annotated[
        bool, typer.Option("--refit-hospitals", help="Fit models again without some houses, and test them there: slow.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one for each core unless said.")] = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Say how a run's risks hold: parts of the record missing, noisy, rewritten; other houses; what blocks reveal."""
    from xhaim.run.stress import plan_stress
    from xhaim.run.stress import stress as test

    if dry_run:
        say(plan_stress(run_dir, task, samples, refit_hospitals=refit_hospitals), as_json=as_json)
        return
    done = test(run_dir, task, samples, watch(as_json), workers=workers, refit_hospitals=refit_hospitals)
    if as_json:
        say(done.summary, as_json=True)
    else:
        done.show(Console())
