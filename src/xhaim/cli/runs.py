"""Verbs of runs: demo, run, costs, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xhaim.cli.app import app
from xhaim.cli.words import AsJson, DryRun, absolute, build_settings, engine_named, parse_hours, prices, say, watch
from xhaim.task import shipped_tasks


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for cohort, store and run.")] = Path("demo"),
    stays: Annotated[int, typer.Option(min=50, help="Simulated ICU stays.")] = 400,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Simulate a cohort, ingest it, run the four steps and HAIM, print the table and one explanation."""
    from xhaim.run.demo import run_demo
    from xhaim.run.watch import Bars, Quiet

    if dry_run:
        say({"would": f"simulate {stays} stays, ingest, run 2 tasks with 2 splits", "into": str(out)}, as_json=as_json)
        return
    outcome = run_demo(out, stays, Quiet() if as_json else Bars())
    if as_json:
        say(outcome.summary, as_json=True)
    else:
        outcome.show(Console())


@app.command()
def run(
    store: Annotated[Path, typer.Argument(help="A store made by xhaim ingest.")],
    out: Annotated[Path, typer.Option(help="Run directory: new, or one to go on with.")],
    task: Annotated[list[str], typer.Option(help="Shipped task, or path of a YAML file; may be repeated.")] = [],  # noqa: B006
    landmark: Annotated[str | None, typer.Option(help="Predict this long after ICU admission, as in 24h.")] = None,
    splits: Annotated[int, typer.Option(min=1, help="Repeated train/test splits.")] = 5,
    report_policy: Annotated[
        str | None, typer.Option(help="none, prior_only, prior_plus_indication or index_included (LEAKY).")
    ] = None,
    llm_url: Annotated[str | None, typer.Option(help="OpenAI-compatible server for summaries.")] = None,
    llm_model: Annotated[str | None, typer.Option(help="Model on that server.")] = None,
    allow_remote: Annotated[bool, typer.Option(help="Let text leave this machine for that server.")] = False,
    acknowledge: Annotated[
        str | None,
        typer.Option(help="For a remote server: who allows it and why, naming the host; kept in the manifest."),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one for each core unless said.")] = None,
    engine: Annotated[
        str, typer.Option(help="local: processes of this machine; ray: a Ray cluster, the one at RAY_ADDRESS or here.")
    ] = "local",
    set_: Annotated[
        list[str], typer.Option("--set", help="Any setting, as in encoder.epochs=3; may be repeated.")
    ] = [],  # noqa: B006
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Run the four steps and the HAIM baseline; a second run does only what is missing."""
    chosen_engine = engine_named(engine)
    chosen = tuple(task) or tuple(shipped_tasks())
    settings = build_settings(
        {
            "tasks": [absolute(name) for name in chosen],
            "report_policy": report_policy,
            "sample": {"landmark_hours": parse_hours(landmark) if landmark else None},
            "split": {"repeats": splits},
            "llm": {"url": llm_url, "model": llm_model, "allow_remote": allow_remote, "acknowledgement": acknowledge},
        },
        set_,
    )
    from xhaim.run.pipeline import begin, execute, plan
    from xhaim.run.reporting import write_report

    if dry_run:
        say(plan(store, settings, out), as_json=as_json)
        return
    written = write_report(execute(begin(store, settings, out, watch(as_json), workers, chosen_engine)))
    if as_json:
        say(written.summary, as_json=True)
    else:
        written.show(Console())


@app.command()
def costs(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    price: Annotated[
        list[str], typer.Option(help="MODEL=IN,OUT: money for a million tokens in and out; may be repeated.")
    ] = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Say what the language models of a run cost: calls, tokens, seconds, money."""
    from xhaim.llm.costs import costs as sheet

    say({"models": sheet(run_dir, prices(price)).to_dicts()}, as_json=as_json)


@app.command()
def report(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Write report.html again from what the run holds, and print its tables."""
    from xhaim.run.reporting import write_report
    from xhaim.run.single import reopen

    if dry_run:
        say({"would": "write the report", "into": str(run_dir)}, as_json=as_json)
        return
    written = write_report(reopen(run_dir, watch(as_json)))
    if as_json:
        say(written.summary, as_json=True)
    else:
        written.show(Console())
