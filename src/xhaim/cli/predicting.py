"""The verb predict: a fitted run applied to patients whom it has never seen."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xhaim.cli.app import app
from xhaim.cli.words import AsJson, DryRun, rows_in_words, say, watch
from xhaim.errors import DataError

if TYPE_CHECKING:
    from xhaim.records import Explanation
    from xhaim.run.apply_store import Row

FORMATS = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]


@app.command()
def predict(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run, made by this version.")],
    store: Annotated[Path | None, typer.Option(help="The store that holds the patients.")] = None,
    fhir: Annotated[Path | None, typer.Option(help="Instead of a store: a FHIR R4 Bundle of one patient.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--watch", help="A folder to watch for such bundles, without end; needs --out.")
    ] = None,
    task: Annotated[list[str] | None, typer.Option(help="Id of one of the run's tasks; all unless said.")] = None,
    subject: Annotated[list[int] | None, typer.Option(help="Subject id; everybody in the store unless said.")] = None,
    at: Annotated[
        datetime | None,
        typer.Option(formats=FORMATS, help="Local time of the store; now, or the newest film's, unless said."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="New folder for predictions and explanations.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Print the explanations too.")] = False,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Predict for patients of a store, or of a FHIR bundle, by the models of a run; no labels are needed."""
    from xhaim.run.apply_store import applied
    from xhaim.run.directory import RunDirectory

    if sum(one is not None for one in (store, fhir, folder)) != 1 or (folder is not None and out is None):
        raise DataError("whose risk?", expected="--store STORE, --fhir BUNDLE.json, or --watch FOLDER with --out")
    if dry_run:
        say({"would": f"predict for the patients of {store or fhir or folder}", "by": str(run_dir)}, as_json=as_json)
        return
    if folder is not None and out is not None:
        from xhaim.run.apply_folder import watched

        for answer in watched(run_dir, folder, out, watch(as_json), task or ()):
            typer.echo(str(answer))
        return
    asked: dict[str, Any] = {"tasks": task or (), "subjects": subject or (), "at": at, "out": out, "explained": explain}
    with TemporaryDirectory() as passing:
        place = store if store is not None else _of_bundle(run_dir, fhir, Path(passing))
        rows, explanations = applied(run_dir, place, watch(as_json), **asked)
    simulated = bool(RunDirectory.open(run_dir).manifest()["simulated"])
    _tell(rows, explanations if explain else [], simulated=simulated, as_json=as_json)


def _of_bundle(run_dir: Path, file: Path | None, folder: Path) -> Path:
    from xhaim.run.apply_bundle import MAX_BYTES, read_bundle, zone_of
    from xhaim.run.directory import RunDirectory

    try:
        with (file or Path()).open("rb") as sent:
            data = sent.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"{file} cannot be read", got=type(error).__name__, expected="a FHIR Bundle (JSON)") from None
    return read_bundle(data, folder, zone_of(RunDirectory.open(run_dir).manifest())).store.path


def _tell(rows: list[Row], explanations: list[Explanation], *, simulated: bool, as_json: bool) -> None:
    import json

    from xhaim.explain.render import to_json, to_text

    plain = [asdict(row) for row in rows]
    if as_json:
        told = [json.loads(to_json(one)) for one in explanations]
        say({"simulated": simulated, "predictions": plain, "explanations": told}, as_json=True)
        return
    if simulated:
        say("SIMULATED: the model was fitted on simulated patients.", as_json=False)
    say(rows_in_words(plain), as_json=False)
    for one in explanations:
        typer.echo(to_text(one))
