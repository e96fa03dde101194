"""The form in a real browser, where there is one: by the keyboard alone, through a reload and the server's death."""

import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from in_browser import HERE, WAIT_MS, chromium, expect
from made_up_served import make_run

from xhaim.serve.annotate.drawing import in_order, items
from xhaim.serve.annotate.scoring import said
from xhaim.serve.database import default_url, open_database

pytestmark = HERE
COMMAND = "from xhaim.cli import main, serving; main()"
NAMES = ("citation", "factuality", "quality")


class Server:
    """``xhaim annotate`` in a process of its own, which may be killed and begun again at the same address."""

    def __init__(self, run):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.run, self.process = run, None
        self.begin()

    def begin(self):
        words = ["annotate", str(self.run), "--port", str(self.port), "--per-task", "50"]
        self.process = subprocess.Popen([sys.executable, "-c", COMMAND, *words], stderr=subprocess.DEVNULL)
        while not self.answers():
            assert self.process.poll() is None, "the server did not begin"
            time.sleep(0.05)

    def answers(self):
        try:
            urllib.request.urlopen(f"{self.address}/healthz", timeout=1).close()
        except OSError:
            return False
        return True

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(make_run(tmp_path_factory.mktemp("browser") / "run", 50, hostile=True))
    yield running
    running.kill()


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


def opened(browser, address, width=1280, javascript=True):
    page = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=javascript).new_page()
    page.set_default_timeout(WAIT_MS)
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(address) else complaints.append(request.url))
    page.goto(f"{address}/annotate/next")
    return page, complaints


def test_a_citation_opens_its_source_and_the_keys_do_what_they_say(browser, server):
    page, complaints = opened(browser, server.address)
    page.locator("a.c").first.press("Enter")
    expect(page.locator("mark.on")).to_have_text("Blood pressure falls despite fluids.")
    expect(page.locator("mark.on")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(":focus")).to_have_class("c")
    page.keyboard.press("/")
    page.keyboard.type("pressure falls")
    expect(page.locator("#found")).to_have_text("1 in 1")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.keyboard.type("123")
    expect(page.locator("#comment")).to_have_value("123")
    page.keyboard.press("Escape")
    page.locator("#kept", has_text="Kept at").wait_for()
    assert page.locator("input:checked").count() == 0
    page.locator("#comment").fill("")
    page.locator("#kept", has_text="Keeping").or_(page.locator("#kept", has_text="Kept at")).wait_for()
    assert page.title() != "owned"
    assert complaints == []
    page.context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window_and_every_control_has_a_name(browser, server, width):
    page, _ = opened(browser, server.address, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    nameless = """() => Array.from(document.querySelectorAll("input:not([type=hidden]), textarea, button, a")).filter(
        one => !(one.labels && one.labels.length) && !one.textContent.trim() && !one.getAttribute("aria-label")
    ).map(one => one.outerHTML)"""
    assert page.evaluate(nameless) == []
    page.context.close()


def test_without_javascript_it_is_a_plain_form(browser, server):
    page, _ = opened(browser, server.address, 390, javascript=False)
    first = page.url
    page.locator("fieldset[data-dimension=citation] .level").nth(1).click()
    page.get_by_role("button", name="Save and go on").click()
    expect(page.locator("[role=alert]")).to_contain_text("Factuality and Overall quality: no score yet.")
    expect(page.locator("input:checked")).to_have_value("2")
    assert page.url == first
    page.context.close()


def test_fifty_items_by_the_keyboard_lose_nothing_to_a_reload_and_a_kill(browser, server):
    database = open_database(default_url(server.run))
    order = [item.explanation for item in in_order(items(database), "local")]
    page, _ = opened(browser, server.address)
    assert len(order) == 50
    given = {}
    for place, explanation in enumerate(order):
        page.wait_for_url(f"**/annotate/item/{explanation}")
        page.locator("fieldset.axis.on").wait_for()
        given[explanation] = dict(zip(NAMES, (1 + place % 5, 1 + place // 5 % 5, 5 - place % 5), strict=True))
        while page.locator("fieldset.axis.on").get_attribute("data-dimension") != "citation":
            page.keyboard.press("ArrowUp")
        page.keyboard.press(str(given[explanation]["citation"]))
        page.keyboard.press("ArrowDown")
        if place == 10:  # what was acknowledged is there after a reload
            page.locator("#kept", has_text="Kept at").wait_for()
            page.reload()
            page.locator("fieldset.axis.on[data-dimension=factuality]").wait_for()
            checked = page.locator("input:checked")
            expect(checked).to_have_count(1)
            expect(checked).to_have_value(str(given[explanation]["citation"]))
        if place == 20:  # the server dies; what was acknowledged is on the disk, what comes now is sent when it is back
            page.locator("#kept", has_text="Kept at").wait_for()
            server.kill()
            assert said(database)[explanation, "local"].scores == {"citation": given[explanation]["citation"]}
        page.keyboard.press(str(given[explanation]["factuality"]))
        if place == 20:
            page.locator("#kept.late", has_text="Not kept yet").wait_for()
            server.begin()
        page.keyboard.press("ArrowDown")
        page.keyboard.press(str(given[explanation]["quality"]))
        page.keyboard.press("Enter")
    page.wait_for_url("**/annotate")
    expect(page.locator("main")).to_contain_text("All of your items are scored")
    assert {name: dict(one.scores) for (name, rater), one in said(database).items() if rater == "local"} == given
    page.context.close()
