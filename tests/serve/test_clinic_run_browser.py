"""A real run's pages in a real browser, where there is one: films, what if, and axe on every page."""

from __future__ import annotations

from pathlib import Path

import pytest
from clinic_run import small_run
from in_browser import HERE, WAIT_MS, chromium, expect, listening

from xhaim.serve.app import create_app
from xhaim.serve.watched import open_run

pytestmark = HERE
TASK = "pleural_effusion"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def run():
    return open_run(small_run())


@pytest.fixture(scope="module")
def address(run, tmp_path_factory):
    app = create_app(run.root, None, f"sqlite:///{tmp_path_factory.mktemp('served') / 'd.sqlite'}")
    with listening(app) as address:
        yield address


@pytest.fixture(scope="module")
def patient(run):
    """The page of an explained stay whose image is cited."""
    task = run.task(TASK)
    for name in sorted(run.explained(task)):
        kinds = {one.kind for one in run.explanation(task, run.sample(name)).citations}
        if {"image", "span"} <= kinds:
            return f"/patients/{name}/{TASK}"
    raise AssertionError("no explanation cites an image")


@pytest.fixture
def page(address):
    with chromium() as running:
        page = running.new_context(viewport={"width": 1280, "height": 844}, bypass_csp=True).new_page()
        page.set_default_timeout(WAIT_MS)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on(
            "request", lambda request: None if request.url.startswith(address) else page.complaints.append(request.url)
        )
        yield page
        assert page.complaints == []


def test_an_image_citation_opens_the_film_and_keys_zoom_it(page, address, patient):
    page.goto(f"{address}{patient}")
    film = page.locator("section.film").first
    page.locator(f"a.c[href='#{film.get_attribute('id')}']").first.press("Enter")
    expect(film).to_be_visible()
    image = film.locator("img")
    page.wait_for_function("image => image.naturalWidth > 0", arg=image.element_handle())
    film.locator(".film-frame").focus()
    page.keyboard.press("+")
    expect(image).to_have_attribute("style", r"transform: translate(0px, 0px) scale(1.25);")
    film.locator("[data-film-set=width]").fill("100")
    assert "url" in image.evaluate("image => image.style.filter")
    film.locator("[data-film-reset]").click()
    assert image.evaluate("image => image.style.filter") == ""


def test_evidence_is_taken_out_in_place(page, address, patient):
    page.goto(f"{address}{patient}")
    page.locator("input[name=out]").first.check()
    page.get_by_role("button", name="What if this were not there?").click()
    expect(page.locator("[data-without-answer]")).to_contain_text("the risk")


def test_axe_finds_nothing_on_the_pages_of_a_real_run(page, address, patient):
    """``axe/`` holds axe-core as its makers publish it; only tests read it."""
    axe = Path(__file__).with_name("axe").joinpath("axe.min.js").read_text(encoding="utf-8")
    for path in (patient, f"{patient}/stay", f"{patient}/similar", f"{patient}/documents?open=0", "/cohort", "/"):
        page.goto(f"{address}{path}")
        expect(page.locator("h1")).to_have_count(1)
        page.evaluate(axe)
        found = page.evaluate("rules => axe.run(document, { runOnly: rules })", RULES)
        assert [(path, one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]] == []
