"""The clinic's pages in a real browser, where there is one: keyboard, phone, no JavaScript, dark, print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from clinic_run import make_clinic_run
from in_browser import HERE, WAIT_MS, chromium, expect, listening
from made_up_served import TASK, WORDS, make_app, make_sample

pytestmark = HERE
PATIENT = f"/patients/{make_sample(0).sample_id}/{TASK}"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    make_clinic_run(folder / "run", hostile=True)
    with listening(make_app(folder)) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def opened(browser, address):
    contexts = []

    def build(path, width=1280, **changes):
        context = browser.new_context(viewport={"width": width, "height": 844}, **changes)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on(
            "request", lambda request: None if request.url.startswith(address) else page.complaints.append(request.url)
        )
        page.goto(f"{address}{path}")
        return page

    yield build
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_citation_opens_its_source_at_the_words_and_escape_leads_back(opened, width):
    page = opened(PATIENT, width)
    page.locator("#c1").press("Enter")
    mark = page.locator(".sources mark.on")
    expect(mark).to_have_text(WORDS)
    expect(mark).to_be_focused()
    expect(mark).to_be_in_viewport(ratio=1)
    expect(page.locator(".sources > .source:visible")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#c1")).to_be_focused()
    page.keyboard.press("n")
    expect(page.locator("tr.on mark")).to_have_text("4.2 mmol/L")
    expect(page.locator("circle.on")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.complaints == []
    assert "owned" not in page.title()


@pytest.mark.parametrize("path", ["/", PATIENT, f"{PATIENT}/documents?q=blood&open=1", f"{PATIENT}/ask", "/cohort"])
@pytest.mark.parametrize("changes", [{"java_script_enabled": False}, {"color_scheme": "dark"}])
def test_every_page_reads_without_javascript_and_on_a_phone_in_the_dark(opened, path, changes):
    page = opened(path, 390, **changes)
    assert page.locator("h1").count() == 1
    assert page.locator("h1").is_visible()
    assert page.complaints == []
    if "color_scheme" in changes:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        paper, ink = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        assert sum(map(int, paper[4:-1].split(","))) < 150 < 600 < sum(map(int, ink[4:-1].split(",")))


def test_without_javascript_every_source_stands_there_and_feedback_is_kept(opened):
    page = opened(PATIENT, java_script_enabled=False)
    assert page.locator(".sources mark", has_text=WORDS).is_visible()
    page.locator("#c1").click()
    expect(page).to_have_url(re.compile(re.escape(page.locator("#c1").get_attribute("href")) + "$"))
    page.get_by_label("I disagree").check()
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[role=status]")).to_contain_text("Thank you: kept as number")


def test_feedback_is_acknowledged_in_place(opened):
    page = opened(PATIENT)
    page.get_by_label("A citation is wrong").check()
    page.get_by_label("Which citation").select_option("1")
    page.get_by_role("button", name="Send").click()
    page.locator("[data-feedback-answer]", has_text="kept as number").wait_for()
    assert page.complaints == []


def test_the_worklist_is_used_from_the_keyboard(opened):
    page = opened("/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.get_by_label("Find by stay").fill("3002")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("tbody a").first.press("Enter")
    expect(page.locator("h1")).to_have_text("Stay 3002")


def test_print_holds_what_is_cited_and_no_button(opened):
    page = opened(PATIENT)
    page.emulate_media(media="print")
    expect(page.locator("button:visible")).to_have_count(0)
    expect(page.locator(".sources mark", has_text=WORDS)).to_be_visible()
    expect(page.locator(".num")).to_be_visible()


@pytest.mark.parametrize(
    "path", ["/", PATIENT, f"{PATIENT}/documents", f"{PATIENT}/ask", f"{PATIENT}/similar", "/cohort"]
)
def test_every_control_has_a_name_and_every_id_is_one(opened, path):
    page = opened(path)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("input:not([type=hidden]), select, textarea, button, a[href], summary")]
        .filter(one => !(one.labels?.length || one.getAttribute("aria-label") || one.textContent.trim()))
        .map(one => one.outerHTML)"""
    )
    assert nameless == []
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
    levels = page.evaluate("() => [...document.querySelectorAll('h1,h2,h3,h4')].map(one => Number(one.tagName[1]))")
    assert all(after - before <= 1 for before, after in zip([0, *levels], levels, strict=False))


PAGES = ["/", PATIENT, f"{PATIENT}/documents?q=blood&open=1", f"{PATIENT}/ask", f"{PATIENT}/similar", "/cohort"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.mark.parametrize("changes", [{"color_scheme": "light"}, {"color_scheme": "dark", "width": 390}])
def test_axe_finds_nothing_against_wcag_2_2_aa(opened, address, changes):
    """``axe/`` holds axe-core as its makers publish it; only this test reads it."""
    axe = Path(__file__).with_name("axe").joinpath("axe.min.js").read_text(encoding="utf-8")
    page = opened("/", bypass_csp=True, **changes)
    for path in PAGES:
        page.goto(f"{address}{path}")
        page.evaluate(axe)
        found = page.evaluate("rules => axe.run(document, { runOnly: rules })", RULES)
        assert [(path, one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]] == []
        assert len(found["passes"]) > 10
