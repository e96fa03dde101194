import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from xhaim.errors import BackendError, DataError
from xhaim.llm.ledger import Ledger
from xhaim.llm.scripted import ScriptedModel

SCHEMA = {"type": "object"}


def test_nothing_is_asked_twice_and_a_new_run_resumes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    first = ScriptedModel(["one", "two", "three"])
    ledger = Ledger(path, first)
    assert [ledger.ask("s", "u").text, ledger.ask("s", "u").text] == ["one", "one"]
    assert ledger.ask("s", "u", SCHEMA).text == "two"
    assert ledger.ask("s2", "u").text == "three"
    assert len(first.asked) == 3
    ledger.close()
    again = ScriptedModel([])
    assert Ledger(path, again).ask("s", "u", SCHEMA).text == "two"
    other = ScriptedModel(["four"], name="another model")
    assert Ledger(path, other).ask("s", "u").text == "four"


def test_sampling_and_url_are_part_of_the_key(tmp_path: Path) -> None:
    class Tuned(ScriptedModel):
        fingerprint = "temperature 0"

    path = tmp_path / "ledger.sqlite"
    assert Ledger(path, ScriptedModel(["one"])).ask("s", "u").text == "one"
    assert Ledger(path, Tuned(["two"])).ask("s", "u").text == "two"


def test_failures_are_kept_and_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path, ScriptedModel([BackendError("too slow"), BackendError("too slow"), "at last"]))
    for _ in range(2):
        with pytest.raises(BackendError, match="too slow"):
            ledger.ask("s", "u")
    row = sqlite3.connect(path).execute("SELECT status, reply, attempts, error FROM calls").fetchall()
    assert row == [("failed", None, 2, "too slow")]
    assert ledger.ask("s", "u").text == "at last"
    assert ledger.ask("s", "u").text == "at last"
    row = sqlite3.connect(path).execute("SELECT status, reply, attempts, error FROM calls").fetchall()
    assert row == [("ok", "at last", 3, None)]
    totals = ledger.totals()
    assert (totals["ok"], totals["failed"], totals["attempts"], totals["tokens_in"]) == (1, 0, 3, None)


def test_an_answer_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    code = (
        "import os, sys, signal; from pathlib import Path; from xhaim.llm.ledger import Ledger;"
        "from xhaim.llm.scripted import ScriptedModel;"
        "Ledger(Path(sys.argv[1]), ScriptedModel(['kept'])).ask('s', 'u'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -9
    assert Ledger(path, ScriptedModel([])).ask("s", "u").text == "kept"


def test_threads_share_one_ledger(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", ScriptedModel([f"r{n}" for n in range(20)]))
    threads = [threading.Thread(target=ledger.ask, args=("s", f"u{n % 5}")) for n in range(20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert ledger.totals()["ok"] == 5


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path, ScriptedModel(["one"]))
    ledger.ask("s", "u")
    assert {stat.S_IMODE(os.stat(one).st_mode) for one in tmp_path.iterdir()} == {0o600}


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be taken for the header of one\n" * 20)
    with pytest.raises(DataError, match="is not a ledger"):
        Ledger(path, ScriptedModel([]))
    newer = tmp_path / "newer.sqlite"
    sqlite3.connect(newer).execute("PRAGMA user_version = 9")
    with pytest.raises(DataError, match="another version"):
        Ledger(newer, ScriptedModel([]))
