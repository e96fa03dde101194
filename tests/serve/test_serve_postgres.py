"""The same tables in PostgreSQL, where a server and its driver are at hand."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from made_up_served import PAGE, PASSWORD, make_client, make_run, token_of

from xhaim.serve import accounts, audit
from xhaim.serve.annotate.drawing import draw, items
from xhaim.serve.annotate.scoring import Said, said
from xhaim.serve.app import create_app
from xhaim.serve.database import open_database

pytest.importorskip("psycopg")
pytestmark = pytest.mark.skipif(shutil.which("initdb") is None, reason="no PostgreSQL")


@pytest.fixture(scope="module")
def url():
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    user = None
    if os.geteuid() == 0:  # PostgreSQL does not run as root
        user = "postgres"
        try:
            shutil.chown(folder, user)
            pwd.getpwnam(user)
        except LookupError:
            pytest.skip("root, and no user postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(*words):
        subprocess.run(words, check=True, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)

    run("initdb", "-D", str(folder / "d"), "-U", "xhaim", "-A", "trust")
    listen = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    run("pg_ctl", "-D", str(folder / "d"), "-o", listen, "-l", str(folder / "log"), "-w", "start")
    yield f"postgresql+psycopg://xhaim@127.0.0.1:{port}/postgres"
    run("pg_ctl", "-D", str(folder / "d"), "-m", "immediate", "stop")
    shutil.rmtree(folder)


def test_many_writers_make_one_chain(url):
    database = open_database(url)
    with ThreadPoolExecutor(6) as threads:
        numbers = list(threads.map(lambda n: audit.write(database, "ann", "patient", n, {"sample": "s"}), range(30)))
    assert sorted(numbers) == list(range(1, 31))
    assert audit.verify(database).holds


def test_accounts_and_the_form_work_the_same(url, tmp_path):
    app = create_app(make_run(tmp_path / "run", 4), None, url)
    draw(app.state.watched.now(), app.state.database)
    browser = make_client(app)
    item = items(app.state.database)[0].explanation
    assert browser.get(f"/annotate/item/{item}", headers=PAGE).status_code == 200
    form = {"citation": 3, "factuality": 4, "quality": 5, "comment": "no \0 null", "csrf": token_of(browser, app)}
    assert [browser.post(f"/annotate/item/{item}", data=form).status_code for _ in range(2)] == [303, 303]
    wanted = Said({"citation": 3, "factuality": 4, "quality": 5}, "no  null")
    assert said(app.state.database) == {(item, "local"): wanted}
    accounts.add(app.state.database, "ann", "annotator", PASSWORD, [1, 2])
    assert accounts.check(app.state.database, "ann", PASSWORD)
    assert accounts.accounts(open_database(url)) == [accounts.Account("ann", "annotator", 2, True)]
