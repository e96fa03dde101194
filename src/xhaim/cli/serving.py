"""Verbs of the server: serve, annotate, accounts, audit."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xhaim.cli.app import app
from xhaim.cli.words import AsJson, DryRun, say
from xhaim.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from xhaim.serve.settings import ServeSettings

accounts = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who may log in to the server of a run.")
audit = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The log of who was shown what.")
app.add_typer(accounts, name="accounts")
app.add_typer(audit, name="audit")

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")]
Database = Annotated[
    str | None, typer.Option(help="SQLAlchemy URL of the server's database; beside the run unless said.")
]
Login = Annotated[str, typer.Argument(help="Small letters, digits, dots and dashes.")]
Host = Annotated[str, typer.Option(help="Address to listen on; any but loopback needs accounts and TLS.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any that is free.")]
Names = Annotated[
    list[str] | None, typer.Option("--name", help="Host name that browsers may ask for; may be repeated.")
]
BehindTls = Annotated[bool, typer.Option("--behind-tls", help="A proxy in front of it speaks TLS.")]
Certificate = Annotated[Path | None, typer.Option(help="PEM file of a certificate: the server speaks TLS itself.")]
Key = Annotated[Path | None, typer.Option(help="PEM file of the certificate's private key.")]
Patients = Annotated[
    Path | None, typer.Option(help="Text file of subject ids, one a line: only their records; all unless said.")
]


@app.command()
def serve(
    run_dir: Run,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    database: Database = None,
    name: Names = None,
    behind_tls: BehindTls = False,
    certificate: Certificate = None,
    key: Key = None,
    beside: Annotated[Path | None, typer.Option(help="Another run, to compare explanations with.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Serve a run's results: patients, explanations, the annotation form; to this machine alone unless told."""
    from xhaim.serve.settings import ServeSettings

    settings = ServeSettings(host, port, tuple(name or ()), behind_tls, certificate, key, beside=beside)
    _serve(run_dir, settings, database, "", dry_run=dry_run)


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
    run, opened = open_run(run_dir), _open(run_dir, database)
    if export is None and not into_run:
        told = draw(run, opened, per_task, seed, calibration)
        if not as_json:
            for one in told:
                typer.echo(one.words, err=True)
    if export or import_ or into_run:
        _exchange(opened, run_dir, export, import_, into_run=into_run, as_json=as_json)
        return
    _serve(run_dir, settings, database, "/annotate", dry_run=False)


def _exchange(
    database: Engine, run_dir: Path, out: Path | None, file: Path | None, *, into_run: bool, as_json: bool
) -> None:
    from xhaim.serve.annotate import exchange
    from xhaim.serve.annotate.preference import export_preferences

    done: dict[str, Any] = {}
    if file is not None:
        taken = exchange.take(database, file, "import")
        done["import"] = asdict(taken)
    if out is not None:
        done["verdicts"], done["export"] = exchange.export(database, out), str(out)
        done["preferences"] = export_preferences(database, out)
    if into_run:
        done["verdicts in the run"] = exchange.into_run(database, run_dir)
    say(done, as_json=as_json)
    if file is not None and taken.refused:
        raise typer.Exit(1)


# ---- accounts -----------------------------------------------------------------------------------------------


def _open(run_dir: Path, database: str | None) -> Engine:
    from xhaim.serve.database import default_url, open_database

    return open_database(database or default_url(run_dir))


def _password() -> str:
    """Ask for a password twice at a terminal; else read one line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer


def _subjects(file: Path | None) -> list[int] | None:
    if file is None:
        return None
    try:
        return [int(line) for line in file.read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        raise DataError(f"no list of patients: {file}", expected="subject ids, one a line") from None


@accounts.command("add")
def add_account(
    run_dir: Run,
    login: Login,
    role: Annotated[str, typer.Option(help="clinician, annotator, analyst or admin.")],
    patients: Patients = None,
    database: Database = None,
) -> None:
    """Make an account; its password is asked for, or read from standard input."""
    from xhaim.serve import accounts as kept

    kept.add(_open(run_dir, database), login, role, _password(), _subjects(patients))
    typer.echo(f"{login} may log in as {role}")


@accounts.command("list")
def list_accounts(run_dir: Run, database: Database = None, as_json: AsJson = False) -> None:
    """List the accounts."""
    from xhaim.serve import accounts as kept

    say([asdict(one) for one in kept.accounts(_open(run_dir, database))], as_json=as_json)


@accounts.command("password")
def new_password(run_dir: Run, login: Login, database: Database = None) -> None:
    """Give an account another password; its sessions end."""
    from xhaim.serve import accounts as kept

    kept.set_password(_open(run_dir, database), login, _password())
    typer.echo(f"{login} has another password")


@accounts.command("patients")
def new_patients(run_dir: Run, login: Login, patients: Patients = None, database: Database = None) -> None:
    """Say whose records an account may see: those of a file, or everybody's."""
    from xhaim.serve import accounts as kept

    wanted = _subjects(patients)
    kept.set_subjects(_open(run_dir, database), login, wanted)
    typer.echo(f"{login} may see {'all patients' if wanted is None else f'{len(set(wanted))} patients'}")


@accounts.command("lock")
def lock_account(run_dir: Run, login: Login, database: Database = None) -> None:
    """Let an account in no more; what it wrote stays."""
    from xhaim.serve import accounts as kept

    kept.lock(_open(run_dir, database), login)
    typer.echo(f"{login} is let in no more")


@audit.command("verify")
def verify_audit(
    run_dir: Run,
    noted: Annotated[str | None, typer.Option(help="A hash that was written down: it must still be there.")] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Check the audit log's chain of hashes: no row changed, taken out or put in."""
    from xhaim.serve.audit import verify

    found = verify(_open(run_dir, database), noted)
    say({**asdict(found), "holds": found.holds}, as_json=as_json)
    if not found.holds:
        raise typer.Exit(1)
