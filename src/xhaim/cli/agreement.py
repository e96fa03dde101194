"""The verb that compares judges with people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xhaim.cli.app import app
from xhaim.cli.words import AsJson, say


@app.command()
def agreement(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory whose explanations were judged.")],
    people: Annotated[
        list[Path], typer.Option(help="Scores of people: JSONL or csv, as xhaim annotate exports; may be repeated.")
    ] = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option(help="Folder for tables and figure; RUN/agreement unless said.")] = None,
    width: Annotated[float, typer.Option(min=0.01, help="Of the 95 % interval that sample sizes are for.")] = 0.2,
    resamples: Annotated[int, typer.Option(min=100, help="Of the bootstrap of subjects.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap, and of the calibration half.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compare a run's judges with each other and with people: Tables 3 and 4, Figure 2, agreement, calibration."""
    from xhaim.run.agreement import agree

    done = agree(run_dir, people, out, width=width, resamples=resamples, seed=seed)
    if as_json:
        say(done.summary, as_json=True)
    else:
        done.show(Console())
