"""For tests in the system's Chromium, where there is one: an application on loopback, and the browser."""

import shutil
import socket
import threading
import time
from contextlib import contextmanager

import pytest
import uvicorn

WAIT_MS = 60_000
"""A busy machine's pages take their time; what is asked for comes, or the test fails."""
sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
expect.set_options(timeout=WAIT_MS)
CHROMIUM = shutil.which("chromium")
HERE = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


@contextmanager
def listening(app):
    """Serve an application on a free port; give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{free.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)


@contextmanager
def chromium():
    """Give the browser."""
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()
