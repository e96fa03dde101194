"""The audit log: what is changed in it shows, whoever writes at once, and whatever dies."""

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import DBAPIError

from xhaim.serve import audit
from xhaim.serve.database import open_database, writing

WRITER = """
import sys
from xhaim.serve.audit import write
from xhaim.serve.database import open_database
database = open_database(sys.argv[1])
for n in range(int(sys.argv[2])):
    print(write(database, "ann", "patient", n, {"sample": str(n)}), flush=True)
"""


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'audit.sqlite'}"


@pytest.fixture
def database(url):
    return open_database(url)


def fill(database, n=5):
    for number in range(n):
        audit.write(database, "ann", "patient", 100 + number, {"sample": f"s{number}", "documents": ["d1", "d2"]})


def without_triggers(url):
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("DROP TRIGGER audit_no_update")
    connection.execute("DROP TRIGGER audit_no_delete")
    return connection


def test_a_chain_that_nobody_touched_holds(database):
    assert audit.verify(database) == audit.Chain(0, audit.FIRST, None, None)
    fill(database)
    chain = audit.verify(database)
    assert (chain.rows, chain.broken, chain.holds) == (5, None, True)
    assert audit.verify(database, noted=chain.last).holds


@pytest.mark.parametrize("column", ["at", "login", "action", "subject_id", "shown", "previous", "hash"])
def test_a_changed_cell_is_named(database, url, column):
    fill(database)
    with without_triggers(url) as connection:
        connection.execute(f"UPDATE audit SET {column} = '999' WHERE number = 3")
    chain = audit.verify(database)
    assert chain.broken == 3
    assert not chain.holds


def test_a_row_taken_out_and_a_row_put_in_are_named(database, url):
    fill(database)
    with without_triggers(url) as connection:
        connection.execute("DELETE FROM audit WHERE number = 2")
    assert "row 2 is missing" in audit.verify(database).reason
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE audit SET number = number - 1 WHERE number > 2")
    assert audit.verify(database).broken == 2


def test_rows_cut_off_at_the_end_show_by_a_hash_that_was_written_down(database, url):
    fill(database)
    last = audit.verify(database).last
    with without_triggers(url) as connection:
        connection.execute("DELETE FROM audit WHERE number = 5")
    assert audit.verify(database).holds
    assert not audit.verify(database, noted=last).holds


def test_the_database_itself_refuses_to_change_it(database):
    fill(database, 1)
    for statement in ("UPDATE audit SET login = 'bob'", "DELETE FROM audit"):
        with pytest.raises(DBAPIError, match="append-only"), writing(database) as connection:
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize("shown", [{"note": "x" * 201}, {"x" * 201: "y"}, {"ids": ["x" * 201]}, {"n": 1.5}, {"n": {}}])
def test_what_is_no_id_is_not_written(database, shown):
    with pytest.raises(ValueError, match="holds ids"):
        audit.write(database, "ann", "patient", 1, shown)
    assert audit.verify(database).rows == 0


def test_many_writers_at_once_make_one_chain(database, url):
    others = [subprocess.Popen([sys.executable, "-c", WRITER, url, "25"], stdout=subprocess.DEVNULL) for _ in range(2)]
    with ThreadPoolExecutor(4) as threads:
        numbers = list(threads.map(lambda n: audit.write(database, "bob", "patient", n, {}), range(40)))
    assert [one.wait(60) for one in others] == [0, 0]
    assert len(set(numbers)) == 40
    chain = audit.verify(database)
    assert (chain.rows, chain.holds) == (90, True)


def test_what_was_acknowledged_outlives_kill_9(database, url):
    child = subprocess.Popen([sys.executable, "-c", WRITER, url, "100000"], stdout=subprocess.PIPE, text=True)
    told = [int(child.stdout.readline()) for _ in range(20)]
    os.kill(child.pid, signal.SIGKILL)
    told += [int(line) for line in child.stdout.read().split("\n") if line]
    child.wait()
    chain = audit.verify(open_database(url))
    assert chain.holds
    assert chain.rows >= told[-1] >= 20
