"""Task cards: the shipped ones are whole, a user's own works from any path, and every fault is named by its path."""

from __future__ import annotations

import socket

import pytest
from knowledge_cases import NOW, SOURCE, criterion, raw_card, written

from xhaim.errors import DataError
from xhaim.knowledge.cards import card_of, load_card, shipped_cards
from xhaim.knowledge.named import named, of_signal
from xhaim.records import Chunk
from xhaim.task import load_task, shipped_tasks
from xhaim.text.elsewhere import bare

VALUE = {"kind": "value", "signal": "lactate", "above": 2, "unit": "mmol/L", "within_hours": 24}


def test_every_shipped_task_has_a_card_that_is_whole():
    assert set(shipped_cards()) == set(shipped_tasks())
    for name in shipped_tasks():
        card = card_of(load_task(name))
        assert card is not None
        assert card.task == name
        assert card.signs
        assert card.mimics
        assert card.values
        assert card.criteria
        lines = card.lines()
        assert len({line.line_id for line in lines}) == len(lines)
        assert len({line.text for line in lines}) > len(lines) / 2
        for line in lines:
            assert line.licence == "own words"
            assert line.url is not None
            assert line.url.startswith("https://")
            assert line.text.endswith(".")
        used = {one.source for place in (card.definition, card.signs, card.mimics, card.values, card.criteria,
                                         card.scores) for one in place}  # fmt: skip
        assert used == set(card.sources), "a source that no line names"


def test_shipped_cards_say_on_which_day_they_were_written_and_that_nothing_was_checked():
    for path in shipped_cards().values():
        header = path.read_text(encoding="utf-8").split("task:")[0]
        assert "No network check" in header.replace("\n# ", " ")
        assert str(load_card(path).written) in header


def test_no_card_opens_a_connection(monkeypatch):
    def refused(*_args, **_more):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    for name in shipped_cards():
        load_card(name)


def test_lines_carry_their_source_and_ids_in_the_order_of_the_card(tmp_path):
    card = load_card(
        written(
            tmp_path / "card.yaml",
            raw_card(
                signs=[{"text": "A sign of it.", "source": "a", "terms": ["opacity"]}],
                criteria=[criterion(VALUE, "one"), criterion(VALUE, "two")],
                scores=[{"id": "both", "name": "both", "text": "Both of them.", "source": "a", "parts": ["one", "two"],
                         "met_from": 2}],
            ),
        )
    )  # fmt: skip
    assert [line.line_id for line in card.lines()] == [
        "pneumonia:definition:1", "pneumonia:sign:1", "pneumonia:criterion:1", "pneumonia:criterion:2",
        "pneumonia:criterion:3",
    ]  # fmt: skip
    line = card.lines()[1]
    assert (line.kind, line.text, line.licence, line.date) == ("sign", "A sign of it.", "own words", "2020-05")
    assert line.source == "A title, A journal 1: 2-3, 2020"
    assert line.url == "https://doi.org/10.1000/abc.1"


def test_a_dead_source_is_said_to_be_dead_and_its_address_is_not_shown(tmp_path):
    path = written(tmp_path / "card.yaml", raw_card(sources={"a": SOURCE | {"dead": "2026-01-31"}}))
    line = load_card(path).lines()[0]
    assert line.url is None
    assert line.source == "A title, A journal 1: 2-3, 2020 (could no longer be found on 2026-01-31)"


def broken(tmp_path, **changes):
    with pytest.raises(DataError) as caught:
        load_card(written(tmp_path / "card.yaml", raw_card(**changes)))
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sources": None}, "$.sources: missing"),
        ({"sources": {}}, "$.sources: expected Dictionary should have at least 1 item"),
        ({"definition": [{"text": "It is an inflammation."}]}, "$.definition[0].source: missing"),
        ({"definition": [{"text": "It is.", "source": "a"}]}, "$.definition[0].text: got 'It is.'; expected"),
        (
            {"definition": [{"text": "It is an inflammation.", "source": "b"}]},
            "$.definition[0].source: got 'b'; expected one of a",
        ),
        ({"sources": {"a": SOURCE | {"doi": "doi:10.1000/x"}}}, "$.sources.a.doi: got 'doi:10.1000/x'; expected"),
        ({"sources": {"a": SOURCE | {"doi": None}}}, "$.sources.a: doi and url; expected one of them"),
        ({"sources": {"a": SOURCE | {"url": "https://x.org"}}}, "$.sources.a: doi and url; expected one of them"),
        (
            {"sources": {"a": SOURCE | {"doi": None, "url": "javascript:alert(1)"}}},
            "$.sources.a.url: no web address; got 'javascript:alert(1)'; expected http",
        ),
        ({"sources": {"a": SOURCE | {"date": "May 2020"}}}, "$.sources.a.date: no date; got 'May 2020'"),
        ({"sources": {"a": SOURCE | {"title": " "}}}, "$.sources.a.title: blank"),
        ({"definition": [{"text": "Left\u202eto right.", "source": "a"}]}, "$.definition[0].text: blank, or with line"),
        ({"sings": []}, "$.sings: unknown key; expected one of criteria, definition, mimics, scores, signs"),
        ({"signs": [{"text": "A sign of it.", "source": "a", "term": ["x"]}]}, "$.signs[0].term: unknown key"),
        ({"signs": [{"text": "A sign of it.", "source": "a", "terms": []}]}, "$.signs[0].terms: expected Tuple"),
        (
            {"values": [{"text": "High is bad.", "source": "a", "signal": "lactat"}]},
            "$.values[0].signal: unknown signal; got 'lactat'; expected one of",
        ),
        ({"criteria": [criterion(VALUE | {"signal": "lactat"})]}, "(did you mean 'lactate'?)"),
        ({"criteria": [criterion(VALUE | {"kind": "valu"})]}, "$.criteria[0].rule.kind: got 'valu'; expected one of"),
        ({"criteria": [criterion(VALUE | {"unit": "mol"})]}, "$.criteria[0].rule: 2 mol is no value of lactate"),
        ({"criteria": [criterion(VALUE | {"unit": None})]}, "$.criteria[0].rule: unit of lactate is missing"),
        ({"criteria": [criterion(VALUE | {"above": 4000})]}, "4000 mmol/L is no value of lactate; expected a unit of"),
        ({"criteria": [criterion(VALUE | {"above": float("nan")})]}, "$.criteria[0].rule.above: got 'nan'"),
        ({"criteria": [criterion(VALUE | {"below": 1})]}, "one comparison, got above, below; expected above, at_least"),
        ({"criteria": [criterion(VALUE | {"above": None})]}, "one comparison, got none"),
        ({"criteria": [criterion(VALUE | {"within_hours": 0})]}, "$.criteria[0].rule.within_hours: got '0'"),
        ({"criteria": [criterion(VALUE | {"within": 24})]}, "$.criteria[0].rule.within: unknown key; expected one of"),
        ({"criteria": [criterion({"kind": "words"})]}, "$.criteria[0].rule: concept and terms: one of them"),
        ({"criteria": [criterion({"kind": "any_of", "rules": [VALUE]})]}, "$.criteria[0].rule.rules: expected Tuple"),
        (
            {"criteria": [criterion({"kind": "any_of", "rules": [VALUE, {"kind": "any_of", "rules": []}]})]},
            "$.criteria[0].rule.rules[1].kind: got 'any_of'",
        ),
        (
            {"criteria": [criterion({"kind": "rise", "signal": "lactate", "within_hours": 2})]},
            "by_at_least and factor_at_least: one of them",
        ),
        ({"criteria": [criterion(VALUE, "x1"), criterion(VALUE, "x1")]}, "$.criteria[1].id: got 'x1' twice"),
        (
            {"scores": [{"id": "s1", "name": "s", "text": "A score of two.", "source": "a", "parts": ["x1", "x2"],
                         "met_from": 1}]},
            "$.scores[0].parts: got 'x1'; expected the id of a criterion",
        ),
        ({"task": "../../etc"}, "$.task: got '../../etc'"),
    ],
)  # fmt: skip
def test_faults_are_named_by_path_with_got_and_expected(tmp_path, changes, expected):
    assert expected in broken(tmp_path, **changes)


def test_what_is_no_card_at_all(tmp_path):
    with pytest.raises(DataError, match="did you mean 'pneumonia'"):
        load_card("pneumona")
    path = tmp_path / "card.yaml"
    for content, said in (
        (b"[1, 2]", "holds no card"),
        (b"a: [", "is not plain YAML"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (b"a: &x [1]\nb: [*x, *x]", "an alias"),
        (b"task: a\ntask: b", "the key 'task' twice"),
        (b"a: !!python/object/apply:os.system ['true']", "is not plain YAML"),
        (b"[" * 100_000, "more than 16 lists"),
        (b"a: 2024-13-45", "is not plain YAML"),
        (b"#" * 300_000, "too large"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=said):
            load_card(path)


def test_a_card_of_another_task_and_a_concept_that_the_task_lacks_are_refused(tmp_path):
    task = load_task("pneumonia")
    own = written(tmp_path / "own.yaml", raw_card(task="cardiomegaly"))
    with pytest.raises(DataError, match=r"\$\.task: got 'cardiomegaly'; expected 'pneumonia'"):
        card_of(task, own)
    rule = {"kind": "first_of", "rules": [VALUE, {"kind": "words", "concept": "pneumonai"}]}
    own = written(tmp_path / "own.yaml", raw_card(criteria=[criterion(rule)]))
    with pytest.raises(DataError, match="did you mean 'pneumonia'"):
        card_of(task, own)
    own = written(tmp_path / "own.yaml", raw_card())
    found = card_of(task, own)
    assert found is not None
    assert found.definition[0].text == "Pneumonia is an inflammation."
    assert card_of(task.model_copy(update={"id": "my_own_task"})) is None


def chunk(text, start=0, doc_id="d1"):
    end = start + len(text)
    return Chunk(f"{doc_id}:{start}-{end}", doc_id, "cxr", "cxr", "", start, end, text, NOW, NOW)


def test_signs_and_mimics_that_the_evidence_names_are_found_where_they_stand():
    card = load_card("pneumonia")
    first = chunk("No air bronchograms. There is bibasilar atelectasis.", 100)
    second = chunk("Possible consolidation. Father had ARDS. Air bronchograms are seen.", 7, "d2")
    found = {one.line.line_id: one for one in named(card, [first, second])}
    assert list(found) == ["pneumonia:sign:1", "pneumonia:sign:2", "pneumonia:mimic:1"]
    consolidation, bronchogram, atelectasis = found.values()
    assert (consolidation.polarity, consolidation.span.doc_id, consolidation.span.start) == ("uncertain", "d2", 7)
    assert (bronchogram.polarity, bronchogram.span.doc_id) == ("affirmed", "d2")
    assert second.text[bronchogram.span.start - 7 : bronchogram.span.end - 7] == "Air bronchograms are seen."
    assert first.text[atelectasis.span.start - 100 : atelectasis.span.end - 100] == "There is bibasilar atelectasis."
    assert named(card, []) == ()


def test_lines_about_a_signal_are_given_and_no_others():
    card = load_card("pneumonia")
    assert [line.line_id for line in of_signal(card, "white_blood_cells")] == ["pneumonia:value:2"]
    assert of_signal(card, "lactate") == ()


def test_terms_of_shipped_signs_are_found_as_they_are_written():
    for name in shipped_cards():
        card = load_card(name)
        lines = {f"{name}:{kind}:{at}": one for kind, some in (("sign", card.signs), ("mimic", card.mimics))
                 for at, one in enumerate(some, start=1)}  # fmt: skip
        for nth in range(max(len(one.terms) for one in lines.values())):
            wanted = {line_id: one.terms[nth] for line_id, one in lines.items() if nth < len(one.terms)}
            chunks = [chunk(f"There is {bare(term)}.") for term in wanted.values()]
            found = {one.line.line_id for one in named(card, chunks) if one.polarity == "affirmed"}
            assert set(wanted) <= found
