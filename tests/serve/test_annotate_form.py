"""The form without a browser's script: what it keeps, where it goes on, who wins, and what is refused."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from made_up_served import PAGE, TASK, add_account, make_app, make_client, make_run, make_sample, token_of
from sqlalchemy import select

from xhaim.judge.agreement_people import FINAL
from xhaim.serve.annotate.adjudication import disputes
from xhaim.serve.annotate.drawing import draw, in_order, items
from xhaim.serve.annotate.scoring import Said, said, save_score
from xhaim.serve.annotate.tables import PREFERENCES
from xhaim.serve.audit import AUDIT, verify
from xhaim.serve.database import reading
from xhaim.serve.settings import ServeSettings

WHOLE = {"citation": 4, "factuality": 3, "quality": 5}


@pytest.fixture
def app(tmp_path):
    app = make_app(tmp_path)
    draw(app.state.watched.now(), app.state.database, per_task=6, calibration=2)
    for login, role in (("ann", "annotator"), ("bob", "annotator"), ("adm", "admin")):
        add_account(app, login, role)
    return app


class Rater:
    """A browser of one rater, with the token of its forms."""

    def __init__(self, app, login):
        self.app, self.client = app, make_client(app, login)
        self.header = {"x-csrf-token": token_of(self.client, app)} | PAGE

    def get(self, path):
        return self.client.get(path, headers=self.header)

    def post(self, path, **form):
        return self.client.post(path, data=form, headers=self.header)


def kept(app, rater):
    return {name: one for (name, who), one in said(app.state.database).items() if who == rater}


def test_all_items_are_met_once_in_order_and_then_it_says_so(app):
    ann, met = Rater(app, "ann"), []
    place = ann.get("/annotate/next").headers["location"]
    while place != "/annotate":
        met.append(place.rpartition("/")[2])
        place = ann.post(place, **WHOLE, comment="").headers["location"]
    assert met == [item.explanation for item in in_order(items(app.state.database), "ann")]
    assert "All of your items are scored" in ann.get("/annotate").text
    assert all(one == Said(WHOLE, "") for one in kept(app, "ann").values())


def test_half_a_form_is_kept_and_the_rest_asked_for(app):
    ann = Rater(app, "ann")
    place = ann.get("/annotate/next").headers["location"]
    answer = ann.post(place, citation=2, comment="unsure")
    assert answer.status_code == 422
    assert "Factuality and Overall quality: no score yet." in answer.text
    assert list(kept(app, "ann").values()) == [Said({"citation": 2}, "unsure")]
    assert ann.get("/annotate/next").headers["location"] == place
    assert re.search(r'name="citation" value="2" checked', ann.get(place).text)
    assert "unsure" in ann.get(place).text
    assert ann.post(place, factuality=2, quality=2, comment="sure").status_code == 303
    assert list(kept(app, "ann").values()) == [Said({"citation": 2, "factuality": 2, "quality": 2}, "sure")]


def test_one_score_is_kept_at_once_and_replaced_by_the_next(app):
    ann = Rater(app, "ann")
    place = ann.get("/annotate/next").headers["location"]
    for score in (2, 5):
        answer = ann.post(f"{place}/score", dimension="quality", score=score)
        assert answer.json() == {"saved": {"dimension": "quality", "score": score}}
    assert list(kept(app, "ann").values()) == [Said({"quality": 5}, "")]


def test_a_score_that_there_is_not_is_refused_and_nothing_kept(app):
    ann = Rater(app, "ann")
    place = ann.get("/annotate/next").headers["location"]
    for score in (0, 6, -1, 2.5, "high", "", "3 or 4", 10**30):
        assert ann.post(f"{place}/score", dimension="quality", score=score).status_code == 422, score
        assert ann.post(place, **{**WHOLE, "citation": score}).status_code == 422, score
        assert "citation" not in kept(app, "ann").get(place.rpartition("/")[2], Said({}, "")).scores
    for form in ({"dimension": "style", "score": 3}, {"dimension": "quality"}, {"score": 3}, {}):
        assert ann.post(f"{place}/score", **form).status_code == 422
    assert ann.post(f"{place}/comment", comment="x" * 5001).status_code == 422


def test_two_raters_on_one_item_at_once_keep_their_own(app):
    item = in_order(items(app.state.database), "")[0].explanation
    raters = {"ann": Rater(app, "ann"), "bob": Rater(app, "bob")}
    score = {"ann": 1, "bob": 5}

    def give(turn):
        who = ("ann", "bob")[turn % 2]
        dimension = ("citation", "factuality", "quality")[turn % 3]
        return raters[who].post(f"/annotate/item/{item}/score", dimension=dimension, score=score[who]).status_code

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(give, range(24))) == {200}
    for who, given in score.items():
        assert kept(app, who) == {item: Said(dict.fromkeys(WHOLE, given), "")}


def test_an_item_whose_words_the_run_stores_no_more_is_passed_over_and_said(app):
    ann = Rater(app, "ann")
    place = ann.get("/annotate/next").headers["location"]
    item = next(one for one in items(app.state.database) if place.endswith(one.explanation))
    path = app.state.run / "explanations" / TASK / f"{item.sample_id}.json"
    path.write_text(path.read_text().replace("Nothing speaks", "Nobody speaks"))
    assert ann.get("/annotate/next").headers["location"] != place
    assert ann.get(place).status_code == 404
    assert "1 passed over" in ann.get("/annotate").text


def test_what_was_shown_is_in_the_audit_log_with_the_patient(app):
    ann = Rater(app, "ann")
    place = ann.get("/annotate/next").headers["location"]
    ann.get(place)
    item = next(one for one in items(app.state.database) if place.endswith(one.explanation))
    with reading(app.state.database) as connection:
        row = connection.execute(select(AUDIT).order_by(AUDIT.c.number.desc())).first()
    assert (row.login, row.action, row.subject_id) == ("ann", "annotate", item.subject_id)
    assert item.sample_id in row.shown
    assert verify(app.state.database).holds


def test_adjudication_shows_who_differs_by_two_and_keeps_what_is_settled_beside(app):
    first, second, third = (item.explanation for item in items(app.state.database)[:3])
    for who, scores in (("ann", (2, 4, 3)), ("bob", (4, 4, 4))):
        for item, score in zip((first, second, third), scores, strict=True):
            save_score(app.state.database, item, who, "factuality", score, who)
    found = disputes(items(app.state.database), said(app.state.database))
    assert [(one.item.explanation, one.dimensions, one.settled) for one in found] == [(first, ("factuality",), False)]
    adm = Rater(app, "adm")
    page = adm.get(f"/annotate/adjudicate/{first}").text
    assert "in dispute" in page
    assert 'name="citation"' not in page
    assert adm.get(f"/annotate/adjudicate/{second}").status_code == 403
    assert "settled" in adm.post(f"/annotate/adjudicate/{first}", factuality=3, comment="read again").text
    assert kept(app, FINAL) == {first: Said({"factuality": 3}, "read again")}
    assert kept(app, "ann")[first].scores == {"factuality": 2}
    assert disputes(items(app.state.database), said(app.state.database))[0].settled


def test_an_admin_draws_and_takes_out_and_nobody_else(app):
    ann, adm = Rater(app, "ann"), Rater(app, "adm")
    place = ann.get("/annotate/next").headers["location"]
    ann.post(place, **WHOLE, comment="=1+1")
    assert adm.get("/annotate/export.csv").text.count('"ann"') == 3
    assert "'=1+1" in adm.get("/annotate/export.csv").text
    assert adm.get("/annotate/export.jsonl").text.count("\n") == 1
    assert adm.get("/annotate/export.exe").status_code == 422
    assert adm.post("/annotate/draw", per_task=8).status_code == 200
    assert len(items(app.state.database)) == 8


def test_a_preference_is_of_what_stood_there_whichever_way_the_coin_fell(tmp_path):
    make_run(tmp_path / "other", 8, extra="In other words.")
    app = make_app(tmp_path, settings=ServeSettings(beside=tmp_path / "other"))
    draw(app.state.watched.now(), app.state.database, per_task=8)
    add_account(app, "ann", "annotator")
    ann, left = Rater(app, "ann"), []
    place = ann.get("/annotate/compare").headers["location"]
    while place != "/annotate":
        page = ann.get(place).text
        assert "SECRET-WRITER" not in page
        left.append("In other words." in page.partition(">Right</h2>")[0])
        answer = ann.post(place, choice=("left", "right", "neither")[len(left) % 3])
        place = ann.get(answer.headers["location"]).headers["location"]
    assert len(left) == 8
    assert 0 < sum(left) < 8
    with reading(app.state.database) as connection:
        rows = connection.execute(select(PREFERENCES)).all()
    assert sum(row.left == row.second for row in rows) == sum(left)
    assert sum(row.preferred is None for row in rows) == 3
    assert all(row.preferred in {row.first, row.second, None} for row in rows)
    assert sum(row.preferred == row.left for row in rows) == 2
    assert ann.post(f"/annotate/compare/{rows[0].pair}", choice="both").status_code == 422
    assert ann.post("/annotate/compare/unknown", choice="left").status_code == 403
    assert make_sample(0).subject_id == 100
