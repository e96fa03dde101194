"""The clinic's pages over stored results: what they say, to whom, and that hostile text stays text."""

from __future__ import annotations

import json
import shutil

import pytest
from clinic_run import RISKS, THRESHOLD, Page, later_sample, make_clinic_run, prediction, write_predictions
from made_up_served import HOSTILE, PAGE, TASK, WORDS, add_account, make_app, make_client, make_sample, token_of
from sqlalchemy import select

from xhaim.serve.audit import AUDIT, verify
from xhaim.serve.database import reading

FIRST = make_sample(0)
ADDRESS = f"/patients/{FIRST.sample_id}/{TASK}"


@pytest.fixture
def opened(tmp_path):
    def build(login=None, role="clinician", subjects=None, **changes):
        if not (tmp_path / "run").exists():
            make_clinic_run(tmp_path / "run", **changes)
        app = make_app(tmp_path)
        if login is not None:
            add_account(app, "head", "admin")
            add_account(app, login, role, subjects)
        return make_client(app, login), app

    return build


def shown(client, address):
    answer = client.get(address, headers=PAGE)
    assert answer.status_code == 200, answer.text[:2000]
    return Page(answer.text)


def stays(page):
    return [
        one["href"].split("/")[2].split("-")[0] for one in page.of("a") if (one["href"] or "").startswith("/patients/")
    ]


def sent(client, app, address, **fields):
    token = token_of(client, app)
    return client.post(address, data={"csrf": token, **fields}, headers={"accept": "application/json"})


# ---- the worklist -------------------------------------------------------------------------------------------


def test_the_worklist_is_sorted_filtered_and_searched(opened):
    client, _ = opened()
    assert stays(shown(client, "/")) == [str(3000 + place) for place in reversed(range(8))]
    assert stays(shown(client, "/?sort=stay")) == [str(3000 + place) for place in range(8)]
    above = [str(3000 + place) for place, risk in enumerate(RISKS) if risk >= THRESHOLD and place != 4]
    assert sorted(stays(shown(client, "/?side=above"))) == above
    assert stays(shown(client, "/?side=abstains")) == ["3004"]
    assert stays(shown(client, "/?q=3002")) == ["3002"]
    assert stays(shown(client, "/?q=105")) == ["3005"]
    assert "No stay matches" in shown(client, "/?q=%25").words


@pytest.mark.parametrize(
    "query", ["page=0", "page=-3", "page=99999999999", "page=x", "sort='", "side=<b>", "task=../x"]
)
def test_what_an_address_cannot_mean_is_passed_over(opened, query):
    client, _ = opened()
    assert len(stays(shown(client, f"/?{query}"))) == 8


def test_many_stays_are_cut_into_pages_that_hold_each_once(tmp_path):
    import polars as pl

    root = make_clinic_run(tmp_path / "run")
    path = root / "samples/samples.parquet"
    frame = pl.read_parquet(path)
    rows = [
        {**frame.row(0, named=True), "sample_id": f"{9000 + n}-x", "stay_id": 9000 + n, "subject_id": 500 + n}
        for n in range(120)
    ]
    pl.concat([frame, pl.DataFrame(rows, schema=frame.schema)]).sort("sample_id").write_parquet(path)
    write_predictions(root, [prediction(row["sample_id"], row["subject_id"], 0.3) for row in rows])
    client = make_client(make_app(tmp_path))
    found = [stay for number in (1, 2, 3) for stay in stays(shown(client, f"/?page={number}"))]
    assert found == [str(9000 + n) for n in range(120)]
    assert stays(shown(client, "/?page=77")) == found[100:]


def test_the_trend_is_since_the_prediction_before_of_the_same_stay(tmp_path):
    root = make_clinic_run(tmp_path / "run")
    later_sample(root, hours=6, risk=0.25)
    client = make_client(make_app(tmp_path))
    page = shown(client, "/?q=3000&sort=newest")
    assert "+20 points in 6 h" in page.words
    assert page.words.count("first of this stay") == 1


def test_of_several_splits_the_first_that_tested_the_sample_is_shown(tmp_path):
    first, second = make_sample(0), make_sample(1)
    rows = [
        prediction(first.sample_id, first.subject_id, 0.9, split=0, part="validation"),
        prediction(first.sample_id, first.subject_id, 0.31, split=1),
        prediction(first.sample_id, first.subject_id, 0.77, split=2),
        prediction(second.sample_id, second.subject_id, 0.42, split=1, part="validation"),
    ]
    make_clinic_run(tmp_path / "run", rows)
    page = shown(make_client(make_app(tmp_path)), "/?sort=stay")
    assert "31 %" in page.words
    assert "90 %" not in page.words.replace("90 % interval", "")
    assert page.words.count("calibration stay") == 1
    assert "6 without one" in page.words


def test_stays_of_no_stored_risk_are_listed_searched_and_cut_as_others(tmp_path):
    import polars as pl

    one = make_sample(1)
    root = make_clinic_run(tmp_path / "run", [prediction(one.sample_id, one.subject_id, 0.4)])
    path = root / "samples/samples.parquet"
    frame = pl.read_parquet(path)
    rows = [
        {**frame.row(0, named=True), "sample_id": f"{9000 + n}-x", "stay_id": 9000 + n, "subject_id": 500 + n}
        for n in range(60)
    ]
    pl.concat([frame, pl.DataFrame(rows, schema=frame.schema)]).write_parquet(path)
    app = make_app(tmp_path)
    client = make_client(app)
    found = [stay for number in (1, 2) for stay in stays(shown(client, f"/?side=unstored&page={number}"))]
    assert found == [str(3000 + n) for n in range(8) if n != 1] + [str(9000 + n) for n in range(60)]
    for sort in ("risk", "newest", "rise", "unsure", "stay"):
        assert len(stays(shown(client, f"/?side=unstored&sort={sort}"))) == 50
    assert stays(shown(client, "/?side=unstored&q=9007")) == ["9007"]
    assert stays(shown(client, "/?side=unstored&q=3001")) == []
    assert stays(shown(client, "/")) == ["3001"]
    add_account(app, "head", "admin")
    add_account(app, "doctor", "clinician", frozenset({100, 101}))
    theirs = shown(make_client(app, "doctor"), "/?side=unstored")
    assert stays(theirs) == ["3000"]
    assert "1 without one" in theirs.words


def test_why_no_risk_is_stored_is_said_of_each_stay(tmp_path):
    import polars as pl

    samples = [make_sample(number) for number in range(5)]
    root = make_clinic_run(tmp_path / "run", [prediction(samples[0].sample_id, samples[0].subject_id, 0.4)])
    labels, splits = root / f"labels/{TASK}/labels.parquet", root / f"splits/{TASK}/splits.parquet"
    unlabelled = pl.when(pl.col("sample_id") == samples[2].sample_id).then(None).otherwise(pl.col("label"))
    pl.read_parquet(labels).with_columns(unlabelled.alias("label")).write_parquet(labels)
    train = [{"split": 0, "sample_id": samples[place].sample_id, "part": "train"} for place in (1, 4)]
    pl.concat([pl.read_parquet(splits), pl.DataFrame(train)]).write_parquet(splits)
    (root / f"evidence/{TASK}/set_aside").mkdir(parents=True)
    aside = pl.DataFrame({"sample_id": [samples[4].sample_id], "reason": ["in the code"]})
    aside.write_parquet(root / f"evidence/{TASK}/set_aside/00000.parquet")
    for one in samples:
        (root / f"explanations/{TASK}/{one.sample_id}.json").unlink()
    client = make_client(make_app(tmp_path))
    said = [
        "every model of the run learned from it",
        "it has no label for this task",
        "it is in no part of the run's splits",
        "a step of the run failed on its record",
    ]
    for one, why in zip(samples[1:], said, strict=True):
        page = shown(client, f"/patients/{one.sample_id}/{TASK}")
        assert f"No risk: none of this stay is stored, since {why}." in page.words
    shutil.rmtree(root / f"models/{TASK}/split-0/xhaim")
    pl.read_parquet(root / f"models/{TASK}/split-0.parquet").clear().write_parquet(
        root / f"models/{TASK}/split-0.parquet"
    )
    page = shown(make_client(make_app(tmp_path)), f"/patients/{samples[2].sample_id}/{TASK}")
    assert "since too few stays have a label for this task, so that no model was fitted" in page.words


# ---- a patient ----------------------------------------------------------------------------------------------


def test_every_citation_leads_to_the_exact_words_or_the_value(opened):
    client, _ = opened()
    page = shown(client, ADDRESS)
    targets = {one["href"].removeprefix("#") for one in page.of("a", **{"class": "c"})}
    assert targets
    assert targets <= page.texts.keys() | {one.get("id") for _, one in page.elements}
    quotes = [page.texts[one] for one in targets if one in page.texts]
    assert WORDS in quotes
    assert any(text.startswith("4.2 mmol/L") for text in quotes)
    assert "without it" in page.words
    assert "too few to say" in page.words
    assert "Only 0" not in page.words


def test_a_stay_without_an_explanation_says_so_and_shows_its_record(opened, tmp_path):
    client, app = opened()
    (tmp_path / f"run/explanations/{TASK}/{FIRST.sample_id}.json").unlink()
    page = shown(client, ADDRESS)
    assert "none can be made now: the store of this run cannot be opened" in page.words
    assert "5 %" in page.words
    assert "Nursing" in page.words
    assert sent(client, app, f"{ADDRESS}/explain").status_code == 503
    assert "cannot be asked" in shown(client, f"{ADDRESS}/stay").words


def test_a_broken_explanation_is_no_explanation(opened, tmp_path):
    client, _ = opened()
    (tmp_path / f"run/explanations/{TASK}/{FIRST.sample_id}.json").write_text("{")
    assert "No explanation of this stay is stored" in shown(client, ADDRESS).words


def test_hostile_text_executes_nothing_on_any_page(opened):
    client, app = opened(hostile=True)
    pages = [client.get("/", headers=PAGE).text]
    for place in range(3):
        address = f"/patients/{make_sample(place).sample_id}/{TASK}"
        pages += [
            client.get(f"{address}{part}", headers=PAGE).text for part in ("", "/documents?q=script&open=1", "/ask")
        ]
        pages.append(client.get(f"{address}/documents", params={"q": HOSTILE[place], "open": HOSTILE[place]}).text)
        token = token_of(client, app)
        pages.append(client.post(f"{address}/ask", data={"csrf": token, "question": HOSTILE[place]}, headers=PAGE).text)
    pages.append(client.get("/", params={"q": HOSTILE[0], "task": HOSTILE[1]}, headers=PAGE).text)
    assert any("owned" in text for text in pages)
    for text in pages:
        assert "<!doctype html>" in text
        page = Page(text)
        assert all((one.get("src") or "").startswith("/static/") for one in page.of("script"))
        for tag, attributes in page.elements:
            assert tag not in {"iframe", "object", "embed", "style", "base"}
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            assert not (attributes.get("href") or "").lower().startswith(("javascript:", "data:", "http"))
        assert not {"\u202e", "\u200b", "\0"} & set(text)
        assert page.words.count("49") == Page(text.replace("{{ 7*7 }}", "")).words.count("49")  # no template ran


def test_one_answer_for_an_unknown_patient_and_for_another_s(opened):
    client, _ = opened("doctor", subjects=frozenset({100}))
    other = f"/patients/{make_sample(1).sample_id}/{TASK}"
    assert stays(shown(client, "/")) == ["3000"]
    assert shown(client, ADDRESS)
    for part in ("", "/documents", "/similar", "/stay", "/ask", "/images/0"):
        refused = client.get(f"{other}{part}", headers=PAGE)
        unknown = client.get(f"/patients/nobody/{TASK}{part}", headers=PAGE)
        assert (refused.status_code, refused.text) == (unknown.status_code, unknown.text)
        assert refused.status_code == 403
    assert client.get(f"/patients/{FIRST.sample_id}/no-task", headers=PAGE).status_code == 403


@pytest.mark.parametrize("role", ["annotator", "analyst"])
def test_others_than_clinicians_see_no_patient(opened, role):
    client, _ = opened("somebody", role)
    assert client.get("/", headers=PAGE).status_code == 403
    assert client.get(ADDRESS, headers=PAGE).status_code == 403
    assert client.get("/cohort", headers=PAGE).status_code == (200 if role == "analyst" else 403)
    assert client.get("/feedback.jsonl").status_code == (200 if role == "analyst" else 403)


def test_what_is_shown_is_audited_by_ids_alone(opened):
    client, app = opened()
    shown(client, ADDRESS)
    shown(client, f"{ADDRESS}/documents?q=pressure")
    with reading(app.state.database) as connection:
        rows = connection.execute(select(AUDIT)).all()
    assert [row.action for row in rows][-2:] == ["patient", "documents"]
    assert {row.subject_id for row in rows[-2:]} == {FIRST.subject_id}
    assert WORDS not in str(rows)
    assert verify(app.state.database).holds


# ---- documents, questions, feedback ----------------------------------------------------------------------------


def test_documents_are_searched_and_opened_at_characters(opened):
    client, _ = opened()
    page = shown(client, f"{ADDRESS}/documents?q=pressure+FALLS&open=1")
    assert "1 document with these words" in page.words
    assert page.texts["open"].count(WORDS) == 1
    marked = shown(client, f"{ADDRESS}/documents?open=1&at=9-14")
    assert marked.texts["at"] == f"NURSING\n\n{WORDS}"[9:14]
    for bad in ("99999-3", "5-2", "a-b", "0-999999999"):
        assert "at" not in shown(client, f"{ADDRESS}/documents?open=1&at={bad}").texts


def test_a_question_is_answered_in_the_chart_s_words_or_not_at_all(opened):
    client, app = opened()
    answer = sent(client, app, f"{ADDRESS}/ask", question="Does the blood pressure fall despite fluids?")
    assert WORDS in Page(answer.text).words
    value = sent(client, app, f"{ADDRESS}/ask", question="What was the lactate?")
    assert "4.2 mmol/L" in Page(value.text).words
    silent = sent(client, app, f"{ADDRESS}/ask", question="Is the patient a vegetarian?")
    assert "Not in the record" in Page(silent.text).words
    with reading(app.state.database) as connection:
        rows = [json.loads(row.shown) for row in connection.execute(select(AUDIT)) if row.action == "ask"]
    assert [bool(row["sentences"]) for row in rows] == [True, False, False]
    assert [bool(row["values"]) for row in rows] == [False, True, False]


def test_feedback_is_kept_before_it_is_acknowledged_and_exported(opened):
    client, app = opened()
    kept = sent(
        client, app, f"{ADDRESS}/feedback", kind="wrong citation", marker="1", words="  not \u202e what it says "
    )
    assert kept.json() == {"number": 1}
    assert sent(client, app, f"{ADDRESS}/feedback", kind="agree", marker="77").json() == {"number": 2}
    assert sent(client, app, f"{ADDRESS}/feedback", kind="<b>").status_code == 422
    assert sent(client, app, f"{ADDRESS}/feedback", kind="agree", words="x" * 5000).status_code == 422
    rows = [json.loads(line) for line in client.get("/feedback.jsonl").text.splitlines()]
    assert [(row["kind"], row["marker"], row["words"]) for row in rows] == [
        ("wrong citation", 1, "not \u202e what it says"),
        ("agree", None, ""),
    ]
    assert rows[0]["sample_id"] == FIRST.sample_id
    assert len(rows[0]["explanation"]) == 64
    with reading(app.state.database) as connection:
        assert "what it says" not in str(connection.execute(select(AUDIT)).all())


# ---- the run directory --------------------------------------------------------------------------------------


def test_a_run_replaced_under_the_server_is_served_anew(opened, tmp_path):
    client, _ = opened()
    assert "75 %" in shown(client, "/").words
    shutil.rmtree(tmp_path / "run")
    rows = [prediction(FIRST.sample_id, FIRST.subject_id, 0.66)]
    make_clinic_run(tmp_path / "run", rows)
    page = shown(client, "/")
    assert stays(page) == ["3000"]
    assert "66 %" in page.words


def test_while_the_run_is_away_the_pages_stay(opened, tmp_path):
    client, _ = opened()
    shown(client, ADDRESS)
    (tmp_path / "run").rename(tmp_path / "away")
    assert stays(shown(client, "/"))


def test_while_a_run_is_written_the_one_before_is_listed_and_its_missing_parts_are_said(opened, tmp_path):
    client, _ = opened()
    shown(client, "/")
    (tmp_path / "run/samples/samples.parquet").unlink()
    manifest = tmp_path / "run/manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    assert len(stays(shown(client, "/"))) == 8
    (tmp_path / "run/admissible/admissible/00000.parquet").write_bytes(b"half a file")
    answer = client.get(ADDRESS, headers=PAGE)
    assert answer.status_code == 503
    assert "being written" in answer.text
    assert "half a file" not in answer.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layout": 2}, "another version"),
        ({"leaky": True}, "LEAKY"),
        ({"tasks": {}}, "no task"),
        ({"tasks": {"x": {"id": 3}}}, "does not say"),
        ({"settings": {}}, "does not say"),
    ],
)
def test_a_run_that_cannot_be_shown_is_refused_clearly(tmp_path, change, said):
    from xhaim.errors import DataError
    from xhaim.serve.watched import open_run

    root = make_clinic_run(tmp_path / "run")
    manifest = json.loads((root / "manifest.json").read_text())
    (root / "manifest.json").write_text(json.dumps(manifest | change))
    with pytest.raises(DataError, match=said):
        open_run(root)


def test_the_cohort_page_says_what_it_compares(opened):
    client, _ = opened()
    page = shown(client, "/cohort")
    assert "the report of this run is not written yet" in page.words
    assert "Drift: " in page.words
