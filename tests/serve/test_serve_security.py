"""Headers, sizes, rates, host names, and what failures and logs do not say."""

import logging

import pytest
from made_up_served import PAGE, add_account, make_app, make_client, make_run, token_of
from sqlalchemy import event

from xhaim.errors import DataError, PrerequisiteError
from xhaim.serve.annotate.drawing import draw
from xhaim.serve.annotate.scoring import Said, said
from xhaim.serve.app import create_app
from xhaim.serve.security import Rates, host_name
from xhaim.serve.settings import ServeSettings

SECRET = "Mrs Jane Doe has sepsis"


@pytest.fixture
def app(tmp_path):
    return make_app(tmp_path, n=2)


def test_every_answer_carries_the_headers_failures_too(app, monkeypatch):
    browser = make_client(app)

    def fail():
        raise RuntimeError(SECRET)

    answers = [
        browser.get(path, headers=PAGE) for path in ("/annotate", "/no-such-page", "/static/site.css", "/healthz")
    ]
    answers.append(browser.get("/annotate", headers={"host": "evil.example"}))
    answers.append(browser.post("/annotate/draw", headers=PAGE))
    monkeypatch.setattr(app.state.watched, "now", fail)
    answers.append(browser.get("/annotate", headers=PAGE))
    assert [answer.status_code for answer in answers] == [200, 404, 200, 200, 400, 403, 500]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert {answer.headers["cache-control"] for place, answer in enumerate(answers) if place != 2} == {"no-store"}


def test_a_failure_says_nothing_of_a_patient_in_page_or_log(app, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError(SECRET)

    monkeypatch.setattr("xhaim.serve.annotate.routes.item_of", fail)
    with caplog.at_level(logging.INFO, logger="xhaim.serve"):
        page = make_client(app).get("/annotate/item/abc?name=Doe", headers=PAGE)
    assert SECRET not in page.text
    assert "Traceback" not in page.text
    assert "RuntimeError" in caplog.text
    for word in (SECRET, "Doe", "abc"):
        assert word not in caplog.text
    assert page.status_code == 500
    assert "/annotate/item/{explanation}" in caplog.text


def test_what_cannot_be_read_of_a_form_is_not_echoed(app):
    browser = make_client(app)
    answer = browser.post("/annotate/draw", data={"per_task": SECRET}, headers={"x-csrf-token": token_of(browser, app)})
    assert answer.status_code == 422
    assert SECRET not in answer.text


def test_only_our_own_names_are_answered_on_loopback(app, tmp_path):
    browser = make_client(app)
    good, bad = ("127.0.0.1:9", "localhost", "[::1]:8080"), ("evil.example", "127.0.0.1.evil.example", "", "[::2]")
    assert [browser.get("/healthz", headers={"host": host}).status_code for host in good] == [200, 200, 200]
    assert [browser.get("/healthz", headers={"host": host}).status_code for host in bad] == [400, 400, 400, 400]
    assert host_name("A.example:80") == "a.example"


def test_a_server_with_a_name_goes_by_that_and_by_loopbacks(tmp_path):
    names = ServeSettings(host="0.0.0.0", names=("XHAIM.example",), behind_tls=True).allowed_hosts
    assert names == ("xhaim.example", "localhost", "127.0.0.1", "[::1]")
    assert ServeSettings(host="0.0.0.0", behind_tls=True).allowed_hosts == ()


def test_a_run_that_is_replaced_under_the_server_is_read_anew(app, tmp_path):
    draw(app.state.watched.now(), app.state.database)
    browser = make_client(app)
    before = browser.get("/annotate/next").headers["location"]
    make_run(tmp_path / "new", 3, extra="In other words.")
    (tmp_path / "run").rename(tmp_path / "old")
    assert browser.get("/annotate").status_code == 200
    (tmp_path / "new").rename(tmp_path / "run")
    assert browser.get(before, headers=PAGE).status_code == 404
    assert "2 passed over" in browser.get("/annotate", headers=PAGE).text
    draw(app.state.watched.now(), app.state.database)
    assert "In other words." in browser.get(browser.get("/annotate/next").headers["location"], headers=PAGE).text


def test_on_a_full_disk_nothing_is_called_kept_and_what_is_there_can_be_read(app):
    draw(app.state.watched.now(), app.state.database)
    browser = make_client(app)
    place = browser.get("/annotate/next").headers["location"]
    header = {"x-csrf-token": token_of(browser, app)} | PAGE
    browser.post(f"{place}/score", data={"dimension": "quality", "score": 4}, headers=header)
    event.listen(app.state.database, "connect", lambda one, _: one.execute("PRAGMA max_page_count = 1"))
    app.state.database.dispose()
    answer = browser.post(f"{place}/comment", data={"comment": "x" * 5000}, headers=header)
    assert answer.status_code == 503
    assert "Nothing of this was saved." in answer.text
    assert browser.get("/annotate").status_code == 200
    ((_, one),) = said(app.state.database).items()
    assert one == Said({"quality": 4}, "")


def test_a_body_that_is_too_large_is_refused_with_its_length_said_or_not(tmp_path):
    browser = make_client(make_app(tmp_path, n=1, settings=ServeSettings(max_body=1000)))
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.post("/annotate/draw", content=b"x" * 1001, headers=form).status_code == 413

    def chunks():
        for _ in range(11):
            yield b"comment=xxxx" + b"x" * 88

    assert browser.post("/annotate/draw", content=chunks(), headers=form).status_code == 413
    assert browser.post("/annotate/draw", content=b"x" * 900, headers=form).status_code == 403
    assert browser.post("/api/none", content=b"x" * 2000, headers=form).status_code == 404
    assert browser.post("/annotate/draw", headers={"content-length": "-1"}).status_code in {400, 413}


def test_attempts_to_log_in_run_out_for_an_address_and_for_a_name(tmp_path):
    app = make_app(tmp_path, n=1, settings=ServeSettings(logins_per_minute=3))
    add_account(app, "ann", "annotator")
    browser = make_client(app)
    codes = [browser.post("/login", data={"login": "ann", "password": "wrong"}).status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]


def test_whatever_changes_something_runs_out_too(tmp_path):
    browser = make_client(make_app(tmp_path, n=1, settings=ServeSettings(posts_per_minute=2)))
    answers = [browser.post("/annotate/draw") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [403, 403, 429, 429]
    assert answers[-1].headers["retry-after"]
    assert browser.get("/annotate").status_code == 200


def test_a_rate_fills_again_with_time(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("xhaim.serve.security.time.monotonic", lambda: now[0])
    rates = Rates(2)
    assert [rates.take("a"), rates.take("a"), rates.take("a"), rates.take("b")] == [True, True, False, True]
    now[0] += 30
    assert [rates.take("a"), rates.take("a")] == [True, False]


@pytest.mark.parametrize(
    "settings",
    [
        ServeSettings(host="0.0.0.0"),
        ServeSettings(host="::"),
        ServeSettings(host="10.0.0.1"),
        ServeSettings(names=("a.example",)),
        ServeSettings(behind_tls=True),
    ],
)
def test_where_others_could_connect_there_must_be_accounts(tmp_path, settings):
    with pytest.raises(PrerequisiteError, match="xhaim accounts add"):
        make_app(tmp_path, n=1, settings=settings)


def test_passwords_do_not_go_over_a_network_in_clear(tmp_path):
    app = make_app(tmp_path, n=1)
    add_account(app, "ann", "annotator")
    with pytest.raises(PrerequisiteError, match="in clear"):
        create_app(tmp_path / "run", ServeSettings(host="0.0.0.0"), app.state.database)
    behind = create_app(tmp_path / "run", ServeSettings(host="0.0.0.0", behind_tls=True), app.state.database)
    answer = make_client(behind).post("/login", data={"login": "ann", "password": "correct horse battery"})
    assert "secure" in answer.headers["set-cookie"].lower()
    assert answer.headers["strict-transport-security"]


def test_once_there_is_an_account_nobody_is_let_in_without(app):
    browser = make_client(app)
    assert "Nobody has to log in here" in browser.get("/annotate", headers=PAGE).text
    add_account(app, "ann", "annotator")
    assert browser.get("/annotate").status_code == 401


def test_a_folder_that_is_no_run_and_a_run_of_another_layout_are_refused(tmp_path):
    with pytest.raises(PrerequisiteError, match="not a run directory"):
        create_app(tmp_path)
    (tmp_path / "manifest.json").write_text('{"layout": 99}')
    with pytest.raises(DataError, match="another version"):
        create_app(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_health_says_what_is_wanting(app, tmp_path):
    browser = make_client(app)
    assert browser.get("/readyz").text == "ready\n"
    (tmp_path / "run/manifest.json").rename(tmp_path / "run/gone.json")
    answer = browser.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "the run directory is not there\n")
    assert browser.get("/healthz").status_code == 200


def test_metrics_count_by_route_and_name_no_patient(app):
    browser = make_client(app)
    for name in ("a" * 64, "b" * 64):
        browser.get(f"/annotate/item/{name}")
    text = browser.get("/metrics").text
    assert 'xhaim_requests_total{method="GET",route="/annotate/item/{explanation}",status="403"} 2' in text
    assert "aaaa" not in text
