import os
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from xhaim.errors import BackendError, DataError, PrerequisiteError
from xhaim.llm.costs import COST_SCHEMA, Price, costs
from xhaim.llm.ledger import Ledger
from xhaim.llm.limits import Limited
from xhaim.llm.replies import UnusableReplyError
from xhaim.llm.scripted import ScriptedModel
from xhaim.ports import Reply

SCHEMA = {"type": "object"}


def test_nothing_is_asked_twice_and_a_new_run_resumes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    first = ScriptedModel(["one", "{}", "three"])
    ledger = Ledger(path, first)
    assert [ledger.ask("s", "u").text, ledger.ask("s", "u").text] == ["one", "one"]
    assert ledger.ask("s", "u", SCHEMA).text == "{}"
    assert ledger.ask("s2", "u").text == "three"
    assert len(first.asked) == 3
    ledger.close()
    again = ScriptedModel([])
    assert Ledger(path, again).ask("s", "u", SCHEMA).text == "{}"
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
    assert ledger.totals()["attempts"] == 5


STRICT = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


class Told(ScriptedModel):
    """Counts tokens, and says why it stopped."""

    reason = "stop"

    def ask(self, system: str, user: str, schema: dict[str, Any] | None = None) -> Reply:
        return replace(
            ScriptedModel.ask(self, system, user, schema), tokens_in=10, tokens_out=2, finish_reason=self.reason
        )


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "  \n",
        "no json",
        '{"n": 1',
        '{"n": "1"}',
        '{"n": 1, "m": 2}',
        '{"n": 2, "n": 1}',
        '{"n": NaN}',
        "[]",
        "[" * 5000,
        '{"n":' * 60 + "1" + "}" * 60,
    ],
)
def test_what_cannot_be_used_is_never_kept_as_an_answer_nor_asked_for_again(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "ledger.sqlite"
    model = Told([bad, '{"n": 1}'])
    told = []
    for _ in range(2):
        with pytest.raises(UnusableReplyError) as caught:
            Ledger(path, model).ask("s", "secret", STRICT)
        told.append((caught.value.what, caught.value.why, caught.value.reply))
    assert told[0] == told[1]
    assert len(model.asked) == 1
    row = sqlite3.connect(path).execute("SELECT status, reply, attempts, spent_in, error FROM calls").fetchone()
    assert row[:4] == ("failed", bad, 1, 10)
    assert "secret" not in row[4]
    assert Ledger(path, model).ask("s", "in other words", STRICT).text == '{"n": 1}'
    totals = Ledger(path, model).totals()
    assert (totals["ok"], totals["failed"], totals["attempts"], totals["tokens_in"]) == (1, 1, 2, 20)


def test_a_cut_reply_is_a_failure_whatever_it_holds(tmp_path: Path) -> None:
    model = Told(['{"n": 1}'])
    model.reason = "length"
    with pytest.raises(UnusableReplyError, match="cut by its length"):
        Ledger(tmp_path / "ledger.sqlite", model).ask("s", "u", STRICT)


def test_half_a_character_is_no_answer_and_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with pytest.raises(UnusableReplyError, match="no valid text"):
        Ledger(path, ScriptedModel(["half \ud800 of one"])).ask("s", "u")
    assert sqlite3.connect(path).execute("SELECT status, reply FROM calls").fetchall() == [("failed", "half ? of one")]


def test_a_withheld_reply_is_a_failure(tmp_path: Path) -> None:
    model = Told(['{"n": 1}'])
    model.reason = "content_filter"
    with pytest.raises(UnusableReplyError, match="withheld"):
        Ledger(tmp_path / "ledger.sqlite", model).ask("s", "u", STRICT)


def test_the_cost_sheet_counts_failures_and_prices_only_what_it_can(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", Told(["bad", '{"n": 1}', '{"n": 2}'], name="a"))
    with pytest.raises(UnusableReplyError):
        ledger.ask("s", "bad", STRICT)
    ledger.ask("s", "u", STRICT)
    ledger.ask("s", "u2", STRICT)
    other = Ledger(tmp_path / "ledger.sqlite", ScriptedModel(["x", BackendError("gone")], name="b"))
    other.ask("s", "u")
    with pytest.raises(BackendError):
        other.ask("s", "u2")
    sheet = costs(tmp_path, {"a": Price(1.0, 100.0), "b": Price(1.0, 1.0)})
    assert sheet.schema == pl.Schema(COST_SCHEMA)
    a, b = sheet.drop("seconds").rows(named=True)
    assert a == {
        "model": "a", "requests": 3, "answered": 2, "failed": 1, "calls": 3, "tokens_in": 30, "tokens_out": 6,
        "uncounted": 0, "money": pytest.approx(30e-6 + 600e-6),
    }  # fmt: skip
    assert (b["requests"], b["failed"], b["calls"], b["tokens_in"], b["uncounted"], b["money"]) == (
        2,
        1,
        2,
        None,
        2,
        None,
    )
    assert costs(tmp_path, {})["money"].to_list() == [None, None]
    with pytest.raises(PrerequisiteError, match="no ledger"):
        costs(tmp_path / "elsewhere", {})
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "ledger.sqlite").write_text("no database at all" * 99)
    with pytest.raises(DataError, match="is not a ledger"):
        costs(tmp_path / "bad", {})


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


def test_images_are_part_of_the_question_and_only_their_hashes_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    model = ScriptedModel(["none", "black", "white", "wide"])
    ledger = Ledger(path, Limited(model))
    black, white = np.zeros((4, 6), np.uint8), np.full((4, 6), 255, np.uint8)
    asked = [(), (black,), (white,), (black.reshape(6, 4),)]
    for _ in range(2):
        assert [ledger.ask("s", "u", None, one).text for one in asked] == ["none", "black", "white", "wide"]
    assert [len(one) for one in model.shown] == [0, 1, 1, 1]
    requests = [row[0] for row in sqlite3.connect(path).execute("SELECT request FROM calls ORDER BY rowid")]
    assert ["images" in one for one in requests] == [False, True, True, True]
    assert len(requests[1]) < 300


def test_many_who_open_a_new_ledger_at_once_all_have_it(tmp_path):
    """SQLite does not wait where several switch to write-ahead logging at once, whatever its timeout."""
    for round_ in range(20):
        path, gate = tmp_path / f"{round_}.sqlite", threading.Barrier(8)

        def opened(path=path, gate=gate):
            gate.wait()
            return Ledger(path, ScriptedModel(["yes"]))

        with ThreadPoolExecutor(8) as pool:
            found = [one.result() for one in [pool.submit(opened) for _ in range(8)]]
        assert {one.ask("s", "u").text for one in found} == {"yes"}
