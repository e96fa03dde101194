"""Which explanations are drawn, in which order they come, and that nobody is told what must not be known."""

import re
from collections import Counter

import pytest
from made_up_served import HOSTILE, PAGE, TASK, make_app, make_client, make_run, make_sample

from xhaim.serve.annotate.drawing import draw, drawn_of, identity_of, in_order, items
from xhaim.serve.annotate.scoring import save_score
from xhaim.serve.annotate.view import shown
from xhaim.serve.database import open_database
from xhaim.serve.watched import open_run

# of n samples the risks go up in even steps about the operating point of a half, and every second label is 1


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return open_run(make_run(tmp_path_factory.mktemp("drawing") / "run", 40))


def test_each_stratum_has_its_turn_and_a_rare_one_leaves_its_place_to_the_others(run):
    task = run.task(TASK)
    assert Counter(item.stratum for item in drawn_of(run, task, 12, 0, 0)) == {
        "true positive": 3, "false positive": 3, "true negative": 3, "false negative": 3
    }  # fmt: skip
    everything = drawn_of(run, task, 100, 0, 0)
    assert len({item.explanation for item in everything}) == len(everything) == 40
    for item in everything:
        place = int(item.sample_id.split("-")[0]) - 3000
        positive, label = (place + 0.5) / 40 >= 0.5, place % 2 == 1
        assert item.stratum == f"{'true' if positive == label else 'false'} {'positive' if positive else 'negative'}"


def test_the_seed_decides_and_a_larger_sample_holds_the_smaller(run):
    task = run.task(TASK)
    some, again, other = (drawn_of(run, task, 10, seed, 2) for seed in (3, 3, 4))
    assert some == again
    assert {item.explanation for item in some} != {item.explanation for item in other}
    assert {item.explanation for item in some} < {item.explanation for item in drawn_of(run, task, 20, 3, 2)}
    assert sum(item.calibration for item in some) == 2


def test_drawing_again_adds_and_takes_nothing_away(run, tmp_path):
    database = open_database(f"sqlite:///{tmp_path / 'd.sqlite'}")
    draw(run, database, per_task=5)
    first = items(database)
    save_score(database, first[0].explanation, "ann", "citation", 3, "ann")
    draw(run, database, per_task=5)
    assert items(database) == first
    (told,) = draw(run, database, per_task=50)
    assert len(items(database)) == 40
    assert set(first) <= set(items(database))
    assert "40 explanations drawn of 50 wanted" in told.words
    assert "explain.samples=200" in told.words


def test_raters_share_the_calibration_items_and_then_go_their_own_ways(run):
    drawn = drawn_of(run, run.task(TASK), 40, 0, 3)
    ann, bob = in_order(drawn, "ann"), in_order(drawn, "bob")
    assert ann[:3] == bob[:3] == [item for item in ann if item.calibration]
    assert ann[3:] != bob[3:]
    assert set(ann) == set(bob)
    assert in_order(drawn[::-1], "ann") == ann


def test_an_explanation_in_another_versions_form_is_left_out_and_counted(tmp_path):
    root = make_run(tmp_path / "run", 4)
    (root / f"explanations/{TASK}/{make_sample(1).sample_id}.json").write_text('{"sample_id": "x"}')
    (told,) = draw(open_run(root), open_database(f"sqlite:///{tmp_path / 'd.sqlite'}"))
    assert "1 are in the form of another version" in told.words
    assert sum(drawn for drawn, _ in told.strata.values()) == 3


def test_a_name_from_outside_never_becomes_a_path(run, tmp_path):
    for name in ("../../manifest", "stage", "/etc/passwd", "..", ""):
        assert identity_of(run, run.task(TASK), name) is None


def test_the_view_shows_the_whole_record_with_the_cited_words_marked(run):
    task, sample = run.task(TASK), make_sample(5)
    view = shown(run, task, [run.explanation(task, run.sample(sample.sample_id))])
    texts = {doc.title: "".join(piece.text for piece in doc.pieces) for doc, _ in view.documents}
    assert texts["Physician"] == "Stable. " * 900
    assert not any(piece.kind == "gap" for doc, _ in view.documents for piece in doc.pieces)
    (nursing,) = (doc for doc, cited in view.documents if cited)
    opened = next(place for place, piece in enumerate(nursing.pieces) if piece.quote)
    assert nursing.pieces[opened + 1].text == "Blood pressure falls despite fluids."
    assert nursing.pieces[opened].anchor == view.explanations[0].why[1][1][0].marks[0].target
    assert [(one.label, cited) for one, cited in view.signals] == [("Lactate", True)]
    assert (view.explanations[0].writer, view.explanations[0].dropped) == ("", ())


@pytest.fixture
def app(tmp_path):
    return make_app(tmp_path, n=9, hostile=True)


def test_pages_never_say_who_wrote_or_what_came_of_it(app):
    draw(app.state.watched.now(), app.state.database)
    browser = make_client(app)
    pages = [browser.get(f"/annotate/item/{item.explanation}", headers=PAGE) for item in items(app.state.database)]
    pages.append(browser.get("/annotate", headers=PAGE))
    for page in pages:
        assert page.status_code == 200
        for word in ("SECRET-WRITER", "SECRET-REASON", "true positive", "false positive", "true negative"):
            assert word not in page.text


def test_hostile_text_is_text(app):
    draw(app.state.watched.now(), app.state.database)
    browser = make_client(app)
    for item in items(app.state.database):
        page = browser.get(f"/annotate/item/{item.explanation}", headers=PAGE).text
        for markup in (
            "<script>document",
            "<img",
            "<svg onload",
            "</textarea></pre>",
            "<style",
            "\u202e",
            "\u200b",
            "49",
        ):
            assert markup not in re.sub("[0-9a-f]{64}", "", page), markup
        assert "&lt;" in page
    assert len(HOSTILE) == 3
