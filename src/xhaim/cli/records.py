"""Verbs of records: simulate, ingest, merge, export; what lies in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xhaim.cli.app import app
from xhaim.cli.words import AsJson, DryRun, one_of, say, watch


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="A new folder for the files.")],
    stays: Annotated[int, typer.Option(min=1)] = 400,
    seed: int = 0,
    images: Annotated[bool, typer.Option(help="Draw the chest X-rays too.")] = True,
    workers: Annotated[int, typer.Option(min=1, help="Processes; never changes a byte.")] = 1,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Write SIMULATED patients in the official file layouts of MIMIC-IV, its notes, X-rays and ECGs, and the truth."""
    from xhaim.source.simulate import simulate as write

    if dry_run:
        say({"would": f"simulate {stays} stays with seed {seed}", "into": str(out)}, as_json=as_json)
        return
    with watch(as_json).stage("simulate") as progress:
        done = write(out, stays=stays, seed=seed, images=images, workers=workers, progress=progress)
    say({"written": str(out), **done}, as_json=as_json)


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
    from xhaim.run.source_by_name import source_with

    reader = source_with(source, set_)
    if dry_run:
        say({"would": f"ingest {source}", "into": str(out), **reader.look(root)}, as_json=as_json)
        return
    with watch(as_json).stage(f"ingest {source}") as progress:
        done = reader.ingest(root, out, progress)
    from xhaim.run.doctor import describe_ingest

    say(done if as_json else describe_ingest(done, out), as_json=as_json)


@app.command()
def merge(
    stores: Annotated[list[Path], typer.Argument(help="Two stores or more, of the same people.")],
    out: Annotated[Path, typer.Option(help="A new folder for the store of them all.")],
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Put stores of the same people together: records of one source, images of another."""
    from xhaim.run.doctor import describe_ingest
    from xhaim.source.merge import merge as join

    if dry_run:
        say({"would": f"merge {' and '.join(map(str, stores))}", "into": str(out)}, as_json=as_json)
        return
    with watch(as_json).stage("merge") as progress:
        done = join(stores, out, progress)
    say(done if as_json else describe_ingest(done, out), as_json=as_json)


@app.command()
def export(
    path: Annotated[Path, typer.Argument(help="A store (its MEDS data) or a run (labels and predictions).")],
    out: Annotated[Path, typer.Argument(help="A new folder.")],
    what: Annotated[list[str], typer.Option(help="data, labels or predictions; may be repeated.")] = [],  # noqa: B006
    plain: Annotated[bool, typer.Option(help="MEDS's own columns only: without known_at.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Predictions of the validation part too.")] = False,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Write MEDS data, labels and predictions for other tools."""
    from xhaim.run.export import export as write

    if dry_run:
        say({"would": f"export {', '.join(what) or 'all that it holds'} of {path}", "into": str(out)}, as_json=as_json)
        return
    say(write(path, out, one_of(what), plain=plain, everything=everything), as_json=as_json)


@app.command()
def doctor(
    path: Annotated[Path | None, typer.Argument(help="A folder of records, a store, or a run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is here: tables, versions, backends, weights; what is missing, and what that costs."""
    from xhaim.run.doctor import examine

    say(examine(path), as_json=as_json)
