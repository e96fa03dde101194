"""Login by OpenID Connect in a real browser, where there is one: the provider is another site, as cookies see it."""

import shutil
import socket
import threading
import time

import pytest
import uvicorn
from fake_provider import CLIENT, fake_provider
from made_up_served import make_app

from xhaim.serve.accounts import add
from xhaim.serve.identities import identify
from xhaim.serve.settings import ServeSettings
from xhaim.serve.sso.client import Client

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
WAIT_MS = 20_000
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


@pytest.fixture
def provider():
    with fake_provider() as server:
        yield server


@pytest.fixture
def address(tmp_path, provider):
    """Our server as ``localhost``, the provider as ``127.0.0.1``: two sites."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    settings = ServeSettings(host="localhost", port=port, oidc=Client(provider.address, CLIENT))
    app = make_app(tmp_path, settings=settings)
    add(app.state.database, "ana", "annotator", None)
    identify(app.state.database, "ana", provider.address, "sub", "person-7")
    provider.callbacks.add(f"http://localhost:{port}/oidc/callback")
    provider.public = True
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://localhost:{port}"
    server.should_exit = True
    thread.join(10)


def asks_first(answering):
    """Let a person say yes before the browser is sent back: what follows is then begun by the provider's page."""
    body = f'<a href="/yes?{answering.path.partition("?")[2].replace("&", "&amp;")}">Yes, it is me</a>'.encode()
    answering.send_response(200)
    answering.send_header("content-type", "text/html")
    answering.end_headers()
    answering.wfile.write(body)


def test_a_person_logs_in_at_another_site_lands_on_our_page_with_a_session_and_logs_out_at_both(address, provider):
    provider.instead = {"/authorize": asks_first}
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = running.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{address}/annotate")
        page.get_by_role("link", name="Log in with 127.0.0.1").click()
        page.get_by_role("link", name="Yes, it is me").click()
        page.wait_for_url(f"{address}/annotate")
        expect(page.get_by_text("Signed in as ana")).to_be_visible(timeout=WAIT_MS)
        cookies = {one["name"]: one for one in page.context.cookies(address)}
        assert "xhaim_flow" not in cookies
        assert (cookies["xhaim_session"]["sameSite"], cookies["xhaim_session"]["httpOnly"]) == ("Strict", True)
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(f"{provider.address}/leave?**")
        page.goto(f"{address}/annotate")
        expect(page.get_by_role("heading", name="Log in")).to_be_visible(timeout=WAIT_MS)
        running.close()
