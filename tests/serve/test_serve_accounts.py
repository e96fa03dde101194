"""Accounts and the database under them, by their functions and by the command line."""

import json
import sqlite3

import pytest
from made_up_served import PASSWORD, make_run
from typer.testing import CliRunner

from xhaim.cli import serving
from xhaim.cli.app import app as command_line
from xhaim.errors import DataError, PrerequisiteError
from xhaim.serve import accounts
from xhaim.serve.database import default_url, open_database

assert serving.serve  # its verbs are in the command line


@pytest.fixture
def database(tmp_path):
    return open_database(f"sqlite:///{tmp_path / 'a.sqlite'}")


def test_a_password_is_right_or_wrong_and_never_stored(database, tmp_path):
    accounts.add(database, "ann", "annotator", PASSWORD)
    assert accounts.check(database, "ann", PASSWORD)
    assert not accounts.check(database, "ann", PASSWORD + "x")
    assert not accounts.check(database, "bob", PASSWORD)
    assert not accounts.check(database, "ann", "")
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert PASSWORD.encode() not in stored
    assert b"argon2id" in stored
    accounts.lock(database, "ann")
    assert not accounts.check(database, "ann", PASSWORD)
    accounts.set_password(database, "ann", "another horse battery")
    assert accounts.check(database, "ann", "another horse battery")


@pytest.mark.parametrize(
    ("login", "role", "password"),
    [("", "admin", PASSWORD), ("local", "admin", PASSWORD), ("A", "admin", PASSWORD), ("a b", "admin", PASSWORD),
     ("a" * 65, "admin", PASSWORD), ("ann", "root", PASSWORD), ("ann", "admin", "short"), ("ann", "admin", "x" * 1001)],
)  # fmt: skip
def test_what_is_no_account_is_refused_and_its_password_not_repeated(database, login, role, password):
    with pytest.raises(DataError) as told:
        accounts.add(database, login, role, password)
    assert password not in str(told.value)
    assert accounts.accounts(database) == []


def test_a_name_is_taken_once(database):
    accounts.add(database, "ann", "annotator", PASSWORD)
    with pytest.raises(DataError, match="of that name"):
        accounts.add(database, "ann", "admin", PASSWORD)
    assert [one.role for one in accounts.accounts(database)] == ["annotator"]


def test_a_database_of_another_version_or_none_is_refused_without_its_address(tmp_path):
    path = tmp_path / "secret-password.sqlite"
    open_database(f"sqlite:///{path}").dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    with pytest.raises(DataError, match="another version"):
        open_database(f"sqlite:///{path}")
    (tmp_path / "no.sqlite").write_bytes(b"this is not a database" * 100)
    for url in (f"sqlite:///{tmp_path / 'no.sqlite'}", "sqlite:////no/such/secret-password/x.sqlite"):
        with pytest.raises(PrerequisiteError) as told:
            open_database(url)
        assert "secret-password" not in str(told.value)
    for url in ("nonsense", "nosuch://secret-password@host/x"):
        with pytest.raises((DataError, PrerequisiteError)) as told:
            open_database(url)
        assert "secret-password" not in str(told.value)


def test_the_database_lies_beside_the_run_and_is_its_owners_alone(tmp_path):
    url = default_url(tmp_path / "run")
    open_database(url)
    assert (tmp_path / "run.served.sqlite").stat().st_mode & 0o077 == 0


def test_the_command_line_makes_lists_and_locks_accounts_and_checks_the_log(tmp_path):
    run, runner = str(make_run(tmp_path / "run", 1)), CliRunner()

    def told(*words, **more):
        result = runner.invoke(command_line, [*words], **more)
        return result.exit_code, result.stdout

    (tmp_path / "patients.txt").write_text("7\n8\n8\n")
    few = str(tmp_path / "patients.txt")
    assert told("accounts", "add", run, "ann", "--role", "annotator", "--patients", few, input=PASSWORD)[0] == 0
    assert json.loads(told("accounts", "list", run, "--json")[1]) == [
        {"login": "ann", "role": "annotator", "patients": 2, "active": True}
    ]
    assert told("accounts", "patients", run, "ann") == (0, "ann may see all patients\n")
    assert told("accounts", "lock", run, "ann") == (0, "ann is let in no more\n")
    assert told("accounts", "lock", run, "bob")[0] == 1
    code, text = told("audit", "verify", run, "--json")
    assert (code, json.loads(text)["holds"]) == (0, True)
    assert told("audit", "verify", run, "--noted", "0" * 63 + "1")[0] == 1
    assert told("serve", run, "--dry-run") == (0, f"would serve {run} at http://127.0.0.1:8080\n")
    assert told("serve", "--dry-run")[0] == 1
    assert told("serve", "--demo", "--dry-run")[1] == "would make a run of simulated patients in demo, and serve it\n"
    assert told("serve", run, "--dry-run", "--host", "0.0.0.0")[0] == 1
