"""The page in a real browser, where there is one: a citation opens its source, and the policy lets it."""

import shutil

import pytest
from made_up_run import make_attrition, make_explanation, make_header, make_predictions, make_record, make_summary

from xhaim.evaluate.figures import figures
from xhaim.evaluate.grids import grids
from xhaim.evaluate.report import render
from xhaim.evaluate.tables import all_tables
from xhaim.task import load_task

WAIT_MS = 20_000
"""A busy machine's pages take their time; what is asked for comes, or the test fails."""
sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
expect.set_options(timeout=WAIT_MS)
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    tasks = [load_task("pleural_effusion"), load_task("mortality_48h")]
    frame = make_predictions(n=60, splits=2, tasks=("pleural_effusion", "mortality_48h"))
    header = make_header()
    tables = all_tables(frame, make_attrition(("pleural_effusion", "mortality_48h")), None, header, tasks, resamples=20)
    hostile = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    record = make_record(film=f"FINDINGS: New blunting of the left costophrenic angle. {hostile}\n" + "Stable. " * 600)
    explanations = [make_explanation(record), make_explanation(record, "mortality_48h", 0.09)]
    summaries = {(record.sample.sample_id, "pleural_effusion"): [make_summary(record)]}
    drawn = figures(frame, header, tasks)
    path = tmp_path_factory.mktemp("report") / "report.html"
    html = render(
        header, tasks, grids(tables, header), drawn, explanations, {record.sample.sample_id: record}, summaries
    )
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


def opened(browser, address, width=1280, javascript=True):
    page = browser.new_context(viewport={"width": width, "height": 844}, java_script_enabled=javascript).new_page()
    page.set_default_timeout(WAIT_MS)
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
    page.goto(f"{address}#s1-t1")
    return page, complaints


@pytest.mark.parametrize("width", [1280, 390])
def test_a_citation_opens_its_source_at_the_words(browser, address, width):
    page, complaints = opened(browser, address, width)
    page.locator("#s1-t1-c2").press("Enter")
    mark = page.locator(".sources mark.on")
    expect(mark).to_have_text("New blunting of the left costophrenic angle.")
    expect(mark).to_be_focused()
    expect(mark).to_be_in_viewport(ratio=1)
    expect(page.locator(".source:visible")).to_have_count(1)
    page.locator("#s1-t1-c5").press("Enter")
    expect(page.locator("tr.on mark")).to_have_text("90 %")
    expect(page.locator("circle.on")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#s1-t1-c5")).to_be_focused()
    expect(page.locator(".source:visible")).to_have_count(1 if width == 1280 else 0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    assert page.title() != "owned"
    page.context.close()


def test_the_worklist_filters_and_ranks_by_task_and_the_tabs_change_the_view(browser, address):
    page, _ = opened(browser, address)
    page.locator("#filter").select_option("mortality_48h")
    expect(page.locator("#worklist [data-task]:visible")).to_have_count(1)
    page.locator("#worklist a:visible", has_text="Death").click()
    expect(page.locator("#s1-t2")).to_be_visible()
    expect(page.locator("#s1-t1")).to_be_hidden()
    page.go_back()
    expect(page.locator("#s1-t1")).to_be_visible()
    page.context.close()


def test_without_javascript_every_source_is_on_the_page(browser, address):
    page, _ = opened(browser, address, 390, javascript=False)
    assert page.locator(".source:visible").count() == page.locator(".source").count() == 6
    page.locator("#s1-t1-c2").click()
    expect(page.locator("mark:target")).to_have_text("New blunting of the left costophrenic angle.")
    page.context.close()
