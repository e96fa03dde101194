"""The page of a patient whose data arrives, in a browser: up to date by itself, but not under a reader's hands."""

from __future__ import annotations

import pytest
from arriving import KEY, LOS, arrived, new_note, new_value, of, serve
from in_browser import HERE, WAIT_MS, chromium, expect, listening
from made_up_bundle import made_up_bundle, note
from made_up_served import make_client

pytestmark = HERE


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    app = serve(tmp_path_factory.mktemp("browser"))
    with listening(app) as address:
        yield app, address


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def opened(browser, served):
    app, address = served
    client = make_client(app)
    arrived(client, made_up_bundle())
    contexts = []

    def build(path=f"/arrivals/{KEY}?task={LOS}", **changes):
        context = browser.new_context(viewport={"width": 1280, "height": 700}, **changes)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(f"{address}{path}")
        return page, client

    yield build
    for context in contexts:
        context.close()
    app.state.arrivals.forget(KEY)


def test_an_open_page_shows_new_data_by_itself_and_keeps_the_readers_place(opened):
    page, client = opened()
    expect(page.locator("h1")).to_have_text("Patient new-1")
    expect(page.locator("[data-arrived-news]")).to_be_empty()
    page.locator("details.person summary").click()
    scroll = "document.activeElement.blur(); window.marked = true; window.scrollTo({top: 200, behavior: 'instant'})"
    page.evaluate(scroll)
    where = "document.querySelector('.decision').getBoundingClientRect().top"
    seen = page.evaluate(where)
    before = page.url
    arrived(client, of(new_note(), new_value(9, 9.1)))
    expect(page.locator("header.who")).to_contain_text("of 2 messages")
    expect(page.locator("[data-arrived-news]")).to_contain_text("Up to date: data until 3 Mar 2024 08:00, risk ")
    assert page.url != before
    assert page.evaluate("window.marked"), "the page was not loaded anew"
    expect(page.locator("details.person")).to_have_attribute("open", "")
    assert abs(page.evaluate(where) - seen) <= 5
    expect(page.locator("svg.trend")).to_be_visible()
    page.get_by_label("I agree").check()
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-feedback-answer]")).to_contain_text("Thank you: kept as number"), "its forms work still"
    arrived(client, of(note(9, "Again worse.", {"reference": "Patient/new-1"}, {"reference": "Encounter/adm"})))
    expect(page.locator("header.who")).to_contain_text("of 3 messages"), "and again"
    assert page.complaints == []


def test_a_reader_in_the_middle_of_something_is_offered_it(opened):
    page, client = opened()
    page.locator("#words").fill("I am writing this")
    arrived(client, of(new_note()))
    button = page.get_by_role("button", name="Show it")
    expect(button).to_be_visible()
    expect(page.locator("[data-arrived-news]")).to_have_attribute("aria-live", "polite")
    expect(page.locator("#words")).to_have_value("I am writing this")
    expect(page.locator("#words")).to_be_focused()
    expect(page.locator("header.who")).to_contain_text("of 1 message")
    button.click()
    expect(page.locator("header.who")).to_contain_text("of 2 messages")
    expect(page.locator("#main")).to_be_focused()
    assert page.complaints == []


def test_without_scripts_a_link_leads_to_what_is_newest(opened):
    page, client = opened(java_script_enabled=False)
    arrived(client, of(new_note()))
    page.reload()
    link = page.get_by_role("link", name="Show what is newest")
    expect(link).to_be_visible()
    link.click()
    expect(page.locator("header.who")).to_contain_text("of 2 messages")
    expect(page.get_by_role("link", name="Show what is newest")).to_have_count(0)


def test_who_arrives_is_seen_to_be_read_until_they_are(opened):
    page, client = opened(f"/arrivals/{KEY}?sent=true&task={LOS}")
    expect(page.locator("h1")).to_have_text("Patient new-1")
    arrived(client, of(new_note()))
    expect(page.locator("h1")).to_have_text("Patient new-1")
    expect(page.locator("header.who")).to_contain_text("of 2 messages")
    assert page.complaints == []
