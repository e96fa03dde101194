"""Verbs of the server: serve, annotate."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xhaim.cli.accounts import Database, Run, database_of
from xhaim.cli.app import app
from xhaim.cli.words import AsJson, DryRun, say
from xhaim.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from xhaim.serve.settings import ServeSettings

_DEMO = Path("demo")
Host = Annotated[str, typer.Option(help="Address to listen on; any but loopback needs accounts and TLS.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port.")]
Names = Annotated[
    list[str] | None, typer.Option("--name", help="Host name that browsers may ask for; may be repeated.")
]
BehindTls = Annotated[bool, typer.Option("--behind-tls", help="A proxy in front of it speaks TLS.")]
Certificate = Annotated[Path | None, typer.Option(help="PEM file of a certificate: the server speaks TLS itself.")]
Key = Annotated[Path | None, typer.Option(help="PEM file of the certificate's private key.")]


Oidc = Annotated[str | None, typer.Option(metavar="ISSUER", help="OpenID provider whose word lets people in.")]
OidcClient = Annotated[str | None, typer.Option(metavar="ID", help="What it knows this server as.")]
OidcSecret = Annotated[Path | None, typer.Option(help="File with this server's secret there, one line.")]
OidcOnly = Annotated[bool, typer.Option("--oidc-only", help="Nobody logs in by a password.")]
Smart = Annotated[str | None, typer.Option(metavar="FHIR_BASE", help="FHIR server whose launches are taken.")]
SmartClient = Annotated[str | None, typer.Option(metavar="ID", help="What it knows this server as.")]
SmartSecret = Annotated[Path | None, typer.Option(help="File with this server's secret there, one line.")]
Arrivals = Annotated[
    Path | None, typer.Option(help="Folder in which patients are kept whose data arrives; without it nobody is kept.")
]
CdsOrigin = Annotated[
    list[str] | None,
    typer.Option("--cds-origin", help="Another site whose pages may ask for cards, as https://ehr.example."),
]
IdsAreSubjects = Annotated[
    bool, typer.Option("--ids-are-subjects", help="FHIR patient ids are the numbers of a store made of no FHIR.")
]


@app.command()
def serve(
    run_dir: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="A run directory; of --demo the folder that it is made in.")
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    database: Database = None,
    name: Names = None,
    behind_tls: BehindTls = False,
    certificate: Certificate = None,
    key: Key = None,
    beside: Annotated[Path | None, typer.Option(help="Another run, to compare explanations with.")] = None,
    oidc: Oidc = None,
    oidc_client: OidcClient = None,
    oidc_secret_file: OidcSecret = None,
    oidc_only: OidcOnly = False,
    smart: Smart = None,
    smart_client: SmartClient = None,
    smart_secret_file: SmartSecret = None,
    arrivals: Arrivals = None,
    cds_origin: CdsOrigin = None,
    ids_are_subjects: IdsAreSubjects = False,
    demo: Annotated[bool, typer.Option("--demo", help="Needs nothing: simulate, run and serve; some minutes.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Serve a run's results: patients, explanations, the annotation form; to this machine alone unless told."""
    from xhaim.serve.settings import ServeSettings
    from xhaim.serve.sso.client import given

    settings = ServeSettings(
        host,
        port,
        tuple(name or ()),
        behind_tls,
        certificate,
        key,
        beside=beside,
        oidc=given("oidc", oidc, oidc_client, oidc_secret_file),
        oidc_only=oidc_only,
        smart=given("smart", smart, smart_client, smart_secret_file),
        arrivals=None if dry_run else arrivals,
        cds_origins=tuple(cds_origin or ()),
        ids_are_subjects=ids_are_subjects,
    )
    if demo and dry_run:
        typer.echo(f"would make a run of simulated patients in {run_dir or _DEMO}, and serve it")
        return
    if demo:
        run_dir = _demo(run_dir or _DEMO)
    if run_dir is None:
        raise DataError("no run is named", expected="a run directory", do="xhaim serve RUN, or xhaim serve --demo")
    _serve(run_dir, settings, database, "", dry_run=dry_run)


def _demo(out: Path) -> Path:
    """Make the demonstration's run, or go on with it, and return where it lies."""
    from xhaim.run.demo import run_demo
    from xhaim.run.watch import Bars

    run_demo(out, 400, Bars())
    return out / "run"


def _serve(run_dir: Path, settings: ServeSettings, database: str | None, path: str, *, dry_run: bool) -> None:
    from xhaim.serve.app import create_app
    from xhaim.serve.running import address, listen

    application = create_app(run_dir, settings, database)
    if dry_run:
        typer.echo(f"would serve {run_dir} at {address(settings)}{path}")
        return
    typer.echo(f"serving {run_dir} at {address(settings)}{path} (end with Ctrl+C)", err=True)
    listen(application, settings)


@app.command()
def annotate(
    run_dir: Run,
    per_task: Annotated[int, typer.Option(min=1, max=10_000, help="Explanations of each task.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Draws the sample; the same seed draws the same.")] = 0,
    calibration: Annotated[int, typer.Option(min=0, help="Of these, scored first and by everybody.")] = 3,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    database: Database = None,
    name: Names = None,
    behind_tls: BehindTls = False,
    certificate: Certificate = None,
    key: Key = None,
    beside: Annotated[Path | None, typer.Option(help="Another run, to compare explanations with.")] = None,
    export: Annotated[Path | None, typer.Option(help="Write what was said to a .jsonl or .csv file, and end.")] = None,
    import_: Annotated[Path | None, typer.Option("--import", help="Take in such a file, and end.")] = None,
    into_run: Annotated[
        bool, typer.Option("--into-run", help="Write what was said among the run's verdicts, and end.")
    ] = False,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Let people score a blinded sample of a run's explanations, in a form made for the keyboard."""
    from xhaim.serve.annotate.drawing import draw
    from xhaim.serve.settings import ServeSettings
    from xhaim.serve.watched import open_run

    settings = ServeSettings(host, port, tuple(name or ()), behind_tls, certificate, key, beside=beside)
    if dry_run:
        say(
            {"would": f"draw {per_task} explanations of each task by seed {seed}", "from": str(run_dir)},
            as_json=as_json,
        )
        return
    run, opened = open_run(run_dir), database_of(run_dir, database)
    if export is None and not into_run:
        told = draw(run, opened, per_task, seed, calibration)
        if not as_json:
            for one in told:
                typer.echo(one.words, err=True)
    if export or import_ or into_run:
        _exchange(opened, run_dir, export, import_, keep=into_run, as_json=as_json)
        return
    _serve(run_dir, settings, database, "/annotate", dry_run=False)


def _exchange(
    database: Engine, run_dir: Path, out: Path | None, file: Path | None, *, keep: bool, as_json: bool
) -> None:
    from xhaim.serve.annotate.exported import export, into_run
    from xhaim.serve.annotate.imported import take
    from xhaim.serve.annotate.preference import export_preferences
    from xhaim.serve.watched import open_run

    done: dict[str, Any] = {}
    if file is not None:
        taken = take(database, file, "import")
        done["import"] = asdict(taken)
    if out is not None:
        done["verdicts"], done["export"] = export(database, out), str(out)
        done["preferences"] = export_preferences(database, out)
    if keep:
        done["written into the run"], done["of words that it stores no more"] = into_run(database, open_run(run_dir))
    say(done, as_json=as_json)
    if file is not None and taken.refused:
        raise typer.Exit(1)
