"""Verbs of those who may open the server of a run, and of what they opened: accounts, audit."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xhaim.cli.app import app
from xhaim.cli.words import AsJson, say
from xhaim.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy import Engine

accounts = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who may log in to the server of a run.")
audit = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The log of who was shown what.")
app.add_typer(accounts, name="accounts")
app.add_typer(audit, name="audit")

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")]
Database = Annotated[
    str | None, typer.Option(help="SQLAlchemy URL of the server's database; beside the run unless said.")
]
Login = Annotated[str, typer.Argument(help="Small letters, digits, dots and dashes.")]
_ISSUER = "Login server that vouches for them (OpenID Connect, or a FHIR server's)."
_CLAIM = "What its tokens say of them, as sub=248289761001."
Patients = Annotated[
    Path | None, typer.Option(help="Text file of subject ids, one a line: only their records; all unless said.")
]


def database_of(run_dir: Path, database: str | None) -> Engine:
    """Open the server's database of a run."""
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
    oidc: Annotated[str | None, typer.Option(metavar="ISSUER", help=f"{_ISSUER} No password then.")] = None,
    claim: Annotated[str | None, typer.Option(metavar="NAME=VALUE", help=_CLAIM)] = None,
    database: Database = None,
) -> None:
    """Make an account; its password is asked for, or read from standard input."""
    from xhaim.serve import accounts as kept
    from xhaim.serve.identities import identify

    if (oidc is None) != (claim is None):
        raise DataError("an issuer and a claim belong together", do="give --oidc and --claim, or neither")
    opened = database_of(run_dir, database)
    kept.add(opened, login, role, None if oidc else _password(), _subjects(patients))
    if oidc and claim:
        identify(opened, login, oidc, *_parts(claim))
    typer.echo(f"{login} may log in as {role}")


def _parts(claim: str) -> tuple[str, str]:
    name, _, value = claim.partition("=")
    return name, value


@accounts.command("identify")
def identify_account(
    run_dir: Run,
    login: Login,
    oidc: Annotated[str, typer.Option(metavar="ISSUER", help=_ISSUER)],
    claim: Annotated[str, typer.Option(metavar="NAME=VALUE", help=_CLAIM)],
    database: Database = None,
) -> None:
    """Say by which claim of a login server an account is found; one that was locked is let in again."""
    from xhaim.serve.identities import identify

    identify(database_of(run_dir, database), login, oidc, *_parts(claim))
    typer.echo(f"{login} is let in by {claim.partition('=')[0]} of {oidc}")


@accounts.command("identities")
def list_identities(run_dir: Run, database: Database = None, as_json: AsJson = False) -> None:
    """List what lets accounts in by another server's word."""
    from xhaim.serve.identities import identities

    say([asdict(one) for one in identities(database_of(run_dir, database))], as_json=as_json)


@accounts.command("list")
def list_accounts(run_dir: Run, database: Database = None, as_json: AsJson = False) -> None:
    """List the accounts."""
    from xhaim.serve import accounts as kept

    say([asdict(one) for one in kept.accounts(database_of(run_dir, database))], as_json=as_json)


@accounts.command("password")
def new_password(run_dir: Run, login: Login, database: Database = None) -> None:
    """Give an account another password; its sessions end."""
    from xhaim.serve import accounts as kept

    kept.set_password(database_of(run_dir, database), login, _password())
    typer.echo(f"{login} has another password")


@accounts.command("patients")
def new_patients(run_dir: Run, login: Login, patients: Patients = None, database: Database = None) -> None:
    """Say whose records an account may see: those of a file, or everybody's."""
    from xhaim.serve import accounts as kept

    wanted = _subjects(patients)
    kept.set_subjects(database_of(run_dir, database), login, wanted)
    typer.echo(f"{login} may see {'all patients' if wanted is None else f'{len(set(wanted))} patients'}")


@accounts.command("token")
def machine_token(
    run_dir: Run,
    login: Login,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it opens the doors.")] = 90,
    database: Database = None,
) -> None:
    """Print a token for a machine that logs in as an account (Authorization: Bearer TOKEN); it is shown this once."""
    from xhaim.serve import accounts as kept
    from xhaim.serve.access import begin_session

    opened = database_of(run_dir, database)
    if login not in {one.login for one in kept.accounts(opened) if one.active}:
        raise DataError("no such account", got=login[:40], do="xhaim accounts list RUN")
    typer.echo(begin_session(opened, login, 24 * days))


@accounts.command("lock")
def lock_account(run_dir: Run, login: Login, database: Database = None) -> None:
    """Let an account in no more; what it wrote stays."""
    from xhaim.serve import accounts as kept

    kept.lock(database_of(run_dir, database), login)
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

    found = verify(database_of(run_dir, database), noted)
    say({**asdict(found), "holds": found.holds}, as_json=as_json)
    if not found.holds:
        raise typer.Exit(1)
