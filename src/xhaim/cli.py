"""The command line: verbs in the order of the flow.

Exit status: 0 done, 1 a fault of ours, 2 something that the user can mend (said without a traceback), 130 interrupted.
Results go to standard output (with ``--json`` as one JSON object), progress and notes to standard error.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import ValidationError
from rich.console import Console

from xhaim import __version__
from xhaim.config import RunSettings
from xhaim.errors import DataError, XhaimError
from xhaim.task import shipped_tasks

app = typer.Typer(
    name="xhaim",
    help="Explainable holistic AI in medicine. Research software, not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Explainable holistic AI in medicine."""
    if show:
        typer.echo(f"xhaim {__version__}")
        raise typer.Exit


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
        _say({"would": f"simulate {stays} stays, ingest, run 2 tasks with 2 splits", "into": str(out)}, as_json=as_json)
        return
    outcome = run_demo(out, stays, Quiet() if as_json else Bars())
    if as_json:
        _say(outcome.summary, as_json=True)
    else:
        outcome.show(Console())


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="A new folder for the files.")],
    stays: Annotated[int, typer.Option(min=1)] = 400,
    seed: int = 0,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Write SIMULATED patients in the official file layouts of MIMIC-IV, its notes, X-rays and ECGs, and the truth."""
    from xhaim.source.simulate import simulate as write

    if dry_run:
        _say({"would": f"simulate {stays} stays with seed {seed}", "into": str(out)}, as_json=as_json)
        return
    with _watch(as_json).stage("simulate") as progress:
        done = write(out, stays=stays, seed=seed, progress=progress)
    _say({"written": str(out), **done}, as_json=as_json)


@app.command()
def ingest(
    source: Annotated[str, typer.Argument(help="Kind of source, as doctor lists them: mimic-iv, eicu, fhir ...")],
    root: Annotated[Path, typer.Argument(help="Folder with the records.")],
    out: Annotated[Path, typer.Option(help="A new folder for the store.")],
    set_: Annotated[
        list[str], typer.Option("--set", help="An option of the source, as in only_signals=true; may be repeated.")
    ] = [],  # noqa: B006
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Read records once into a store (MEDS, with the time at which each fact was known)."""
    from xhaim.run.ingest import source_with

    reader = source_with(source, set_)
    if dry_run:
        _say({"would": f"ingest {source}", "into": str(out), **reader.look(root)}, as_json=as_json)
        return
    with _watch(as_json).stage(f"ingest {source}") as progress:
        done = reader.ingest(root, out, progress)
    from xhaim.run.doctor import describe_ingest

    _say(done if as_json else describe_ingest(done, out), as_json=as_json)


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
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one for each core unless said.")] = None,
    set_: Annotated[
        list[str], typer.Option("--set", help="Any setting, as in encoder.epochs=3; may be repeated.")
    ] = [],  # noqa: B006
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Run the four steps and the HAIM baseline; a second run does only what is missing."""
    chosen = tuple(task) or tuple(shipped_tasks())
    settings = build_settings(
        {
            "tasks": [_absolute(name) for name in chosen],
            "report_policy": report_policy,
            "sample": {"landmark_hours": parse_hours(landmark) if landmark else None},
            "split": {"repeats": splits},
            "llm": {"url": llm_url, "model": llm_model, "allow_remote": allow_remote},
        },
        set_,
    )
    from xhaim.run.pipeline import begin, execute, plan
    from xhaim.run.reporting import write_report

    if dry_run:
        _say(plan(store, settings, out), as_json=as_json)
        return
    watch = _watch(as_json)
    results = execute(begin(store, settings, out, watch, workers))
    report = write_report(results)
    if as_json:
        _say(report.summary, as_json=True)
    else:
        report.show(Console())


@app.command()
def explain(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    task: Annotated[str, typer.Option(help="Id of one of the run's tasks.")],
    sample: Annotated[str | None, typer.Option(help="Sample id, or the beginning of one.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the samples that have a label for the task.")] = False,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Explain one sample: its risk, the evidence for and against with measured effects, what is missing."""
    from xhaim.explain.render import to_json, to_text
    from xhaim.run.single import explain_one, list_samples

    if list_ or sample is None:
        _say({"samples": list_samples(run_dir, task)}, as_json=as_json)
        return
    if dry_run:
        _say({"would": f"explain {sample} for {task}", "from": str(run_dir)}, as_json=as_json)
        return
    explained = explain_one(run_dir, task, sample, _watch(as_json))
    typer.echo(to_json(explained.explanation) if as_json else explained.preface + to_text(explained.explanation))


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
        _say({"would": "write the report", "into": str(run_dir)}, as_json=as_json)
        return
    written = write_report(reopen(run_dir, _watch(as_json)))
    if as_json:
        _say(written.summary, as_json=True)
    else:
        written.show(Console())


@app.command()
def doctor(
    path: Annotated[Path | None, typer.Argument(help="A folder of records, a store, or a run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is here: tables, versions, backends, weights; what is missing, and what that costs."""
    from xhaim.run.doctor import examine

    _say(examine(path), as_json=as_json)


def parse_hours(text: str) -> float:
    """Return hours of ``24h``, ``36``, ``2d`` or ``90min``. Raises DataError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(h|d|min)?\s*", text)
    if not found or float(found[1]) <= 0:
        raise DataError(
            "not a landmark", got=text[:40], expected="a time after ICU admission, such as 24h, 2d or 90min"
        )
    return float(found[1]) * {"h": 1.0, None: 1.0, "d": 24.0, "min": 1 / 60}[found[2]]


def build_settings(base: dict[str, Any], overrides: list[str]) -> RunSettings:
    """Return the settings of the options and of ``section.key=value`` overrides. Raises DataError with the path."""
    for item in overrides:
        path, _, value = item.partition("=")
        keys = path.strip().split(".")
        if not value or not all(keys):
            raise DataError("not a setting", got=item, expected="section.key=value, as in encoder.epochs=3")
        place = base
        for key in keys[:-1]:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise DataError(f"no such setting: {path}", got=item, expected="section.key=value")
        place[keys[-1]] = yaml.safe_load(value)
    try:
        return RunSettings.model_validate(base)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in error.errors())
        raise DataError(
            "settings that do not fit",
            got=faults[:600],
            do="the settings and their limits are the fields of xhaim.config.RunSettings",
        ) from None


def _absolute(name: str) -> str:
    path = Path(name)
    return str(path.resolve()) if name not in shipped_tasks() and path.exists() else name


def _watch(quiet: bool) -> Any:  # noqa: ANN401  (Bars or Quiet)
    from xhaim.run.watch import Bars, Quiet

    return Quiet() if quiet else Bars()


def _say(content: Any, *, as_json: bool) -> None:  # noqa: ANN401
    if as_json:
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False, default=str))
    elif isinstance(content, str):
        typer.echo(content)
    else:
        typer.echo(
            yaml.safe_dump(json.loads(json.dumps(content, default=str)), sort_keys=False, allow_unicode=True).rstrip()
        )


def main() -> None:
    """Run the command line; faults that a user can mend are printed without a traceback."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing leaves the machine unless told to
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except XhaimError as error:
        if "--json" in sys.argv:
            typer.echo(
                json.dumps(
                    {"error": error.what, "got": error.got, "expected": error.expected, "do": error.do}, default=str
                )
            )
        else:
            typer.echo(f"xhaim: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("xhaim: interrupted; the same command goes on where it stopped", err=True)
        sys.exit(130)
