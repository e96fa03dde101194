"""The verb of evaluation: every table and figure of a paper from one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xhaim.cli.app import app
from xhaim.cli.words import AsJson, DryRun, absolute, build_settings, engine_named, parse_hours, say, watch
from xhaim.task import shipped_tasks


@app.command()
def evaluate(
    store: Annotated[Path, typer.Argument(help="A store made by xhaim ingest.")],
    out: Annotated[
        Path, typer.Option(help="Folder: a run for each report policy, and evaluation/; may be gone on with.")
    ],
    tasks: Annotated[
        str | None, typer.Option(help="Shipped tasks or paths of YAML files, by commas; all shipped.")
    ] = None,
    systems: Annotated[
        str | None, typer.Option(help="What is fitted and compared, by commas, or all; xhaim and baselines always are.")
    ] = None,
    policies: Annotated[
        str, typer.Option(help="Report policies side by side, by commas; unless said, each task's own.")
    ] = "",
    splits: Annotated[int, typer.Option(min=1, help="Repeated train/test splits.")] = 5,
    landmark: Annotated[str | None, typer.Option(help="Predict this long after ICU admission, as in 24h.")] = None,
    formats: Annotated[str, typer.Option(help="Of the tables, by commas: md, html, latex, parquet.")] = "",
    resamples: Annotated[int, typer.Option(min=100, help="Of the bootstrap of patients.")] = 1000,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one for each core unless said.")] = None,
    engine: Annotated[
        str, typer.Option(help="local, or ray: a Ray cluster, the one at RAY_ADDRESS or here.")
    ] = "local",
    set_: Annotated[
        list[str], typer.Option("--set", help="Any setting, as in encoder.epochs=3; may be repeated.")
    ] = [],  # noqa: B006
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Run every system on every task under each report policy; write tables, figures, model card and TRIPOD+AI."""
    from xhaim.run.evaluation import SYSTEMS, Wanted, check_wanted, plan_evaluation
    from xhaim.run.evaluation import evaluate as do
    from xhaim.run.systems import SYSTEMS as EVERY_SYSTEM

    named = tuple(EVERY_SYSTEM) if systems == "all" else _listed(systems or "") or SYSTEMS
    chosen_policies, chosen_formats = check_wanted(_listed(policies), _listed(formats))
    settings = build_settings(
        {
            "tasks": [absolute(name) for name in _listed(tasks or "") or tuple(shipped_tasks())],
            "sample": {"landmark_hours": parse_hours(landmark) if landmark else None},
            "split": {"repeats": splits},
            "systems": list(dict.fromkeys(("xhaim", *named))),
        },
        set_,
    )
    wanted = Wanted(chosen_policies, chosen_formats, resamples)
    if dry_run:
        say(plan_evaluation(store, settings, out, wanted), as_json=as_json)
        return
    done = do(store, settings, out, wanted, watch(as_json), workers, engine_named(engine))
    if as_json:
        say(done.summary, as_json=True)
    else:
        done.show(Console())


def _listed(text: str) -> tuple[str, ...]:
    """Return the names of ``a, b``."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
