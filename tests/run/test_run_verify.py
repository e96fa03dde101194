"""Explanations as JSON, page and FHIR, and checked again against the store: one's own, tampered ones, and others'."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import jsonschema
import polars as pl
import pytest
from fhir.resources.R4B.bundle import Bundle
from tiny_run import tiny_encoder, tiny_settings, tiny_store
from typer.testing import CliRunner

from xhaim.cli import app
from xhaim.errors import DataError
from xhaim.explain.render import json_schema, to_json, to_text
from xhaim.run.given_explanation import read
from xhaim.run.pipeline import begin, execute
from xhaim.run.single import explain_one, list_samples
from xhaim.run.verification import verify_file
from xhaim.run.watch import Quiet

TASK = "pleural_effusion"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("verify")
    settings = tiny_settings(tiny_encoder(root / "bert"), shard_size=64)
    execute(begin(tiny_store(root, 150), settings, root / "run", Quiet()))
    return root


@pytest.fixture(scope="module")
def explained(folder):
    """The stored explanation that cites most, explained again with shares."""
    paths = sorted((folder / "run" / "explanations" / TASK).glob("3*.json"))
    name = max(paths, key=lambda path: len(json.loads(path.read_text())["citations"])).stem
    return explain_one(folder / "run", TASK, name, Quiet(), additive=4)


def written(folder, content, name="given.json"):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_an_explanation_passes_every_check_when_it_is_read_again(folder, explained):
    found = verify_file(written(folder, to_json(explained.explanation)), folder / "store", None, None)
    assert [one for one in found.sentences if one.faults] == []
    assert [claim for one in found.sentences for claim in one.claims if claim.verdict != "supported"] == []
    assert found.holds
    assert found.resolved == found.citations == len(explained.explanation.citations) > 2
    assert (found.supported, found.quality.recall, found.quality.precision) == (1.0, 1.0, 1.0)
    assert found.words().endswith("Every check passed.")


def test_criteria_and_knowledge_are_cited_apart_from_the_patient(explained):
    said = explained.explanation
    assert said.knowledge
    assert [one.marker for one in said.knowledge] == list(range(1, len(said.knowledge) + 1))
    roles = {one.role for one in said.statements if one.knowledge}
    assert roles == {"knowledge", "checklist"}
    assert all(not one.markers for one in said.statements if one.role == "knowledge")
    assert {one.status for one in said.statements if one.role == "checklist"} <= {"met", "not met", "unknown"}


def test_shares_sum_to_the_risk_less_the_base_rate(explained):
    said = explained.explanation
    assert sum(said.additive.values()) == pytest.approx(said.risk - said.base_rate)


def test_a_tampered_explanation_is_caught_and_said_where(folder, explained):
    said = explained.explanation
    place, marker = next((at, one.markers[0]) for at, one in enumerate(said.statements) if one.role == "for")
    citation = said.citations[marker - 1]
    forged = {
        "other words": replace(citation, quote=citation.quote + "s"),
        "another source": replace(citation, source_id="note/radiology#1"),
        "later": replace(citation, known_at=said.citations[0].known_at.replace(year=2300)),
    }
    for name, one in forged.items():
        citations = tuple(one if old.marker == marker else old for old in said.citations)
        path = written(folder, to_json(replace(said, citations=citations)), "forged.json")
        found = verify_file(path, folder / "store", None, None)
        assert not found.holds, name
        assert found.resolved < found.citations, name
        assert found.sentences[place].faults, name
        assert "x " in found.words(), name


def test_the_command_says_whether_it_holds_by_its_status(folder, explained):
    path = str(written(folder, to_json(explained.explanation)))
    run = CliRunner().invoke(app, ["verify", path, "--store", str(folder / "store"), "--json"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["holds"] is True
    statements = list(explained.explanation.statements)
    statements[0] = replace(statements[0], text="The calibrated risk is 99 %.")
    path = str(written(folder, to_json(replace(explained.explanation, statements=tuple(statements))), "forged.json"))
    run = CliRunner().invoke(app, ["verify", path, "--store", str(folder / "store")])
    assert run.exit_code == 1
    assert "Something does not hold" in run.stdout


def test_anybodys_sentences_are_held_against_what_they_cite(folder, explained):
    sample, documents = explained.record.sample, explained.record.documents
    text = documents[-1].text
    start = text.index("FINDINGS") if "FINDINGS" in text else 0
    end = start + len(text[start:].split(".")[0]) + 1
    source = {"source_id": documents[-1].doc_id, "start": start, "end": end}
    given = {
        "subject_id": sample.subject_id,
        "prediction_time": sample.prediction_time.isoformat(),
        "sentences": [
            {"text": text[start:end], "citations": [{**source, "quote": text[start:end]}]},
            {"text": "There is a fracture of the left femur.", "citations": [source]},
            {"text": text[start:end], "citations": [{**source, "end": 10**9}]},
            {"text": text[start:end], "citations": [{"source_id": "../../etc/passwd"}]},
            {"text": "Nothing is cited here."},
        ],
    }
    found = verify_file(written(folder, given), folder / "store", None, None)
    good, invented, outside, nowhere, uncited = found.sentences
    assert (good.faults, {one.verdict for one in good.claims}) == ((), {"supported"})
    assert invented.faults == ()
    assert {one.verdict for one in invented.claims} != {"supported"}
    assert outside.faults == ("span: offsets are not inside the document",)
    assert nowhere.faults == ("source: no such source in this record before the prediction",)
    assert uncited.faults == ("uncited: it cites nothing",)
    assert (found.resolved, found.citations) == (2, 4)
    assert found.quality.recall == pytest.approx(1 / 5)
    assert found.quality.precision == pytest.approx(1 / 4)


def test_what_was_known_later_cannot_be_cited(folder, explained):
    sample, document = explained.record.sample, explained.record.documents[-1]
    given = {
        "subject_id": sample.subject_id,
        "prediction_time": document.known_at.isoformat(),  # known at that time, so not before it
        "sentences": [{"text": "It says so.", "citations": [{"source_id": document.doc_id}]}],
    }
    found = verify_file(written(folder, given), folder / "store", None, None)
    assert found.sentences[0].faults == ("source: no such source in this record before the prediction",)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is no explanation"),
        ({"subject_id": 1, "prediction_time": "2150-01-01T00:00:00Z", "sentences": [{"text": "a"}]}, "a zone"),
        ({"subject_id": 1, "prediction_time": "2150-01-01T00:00:00", "sentences": []}, "sentences"),
        ({"statements": []}, "not an explanation"),
    ],
)
def test_other_files_are_refused_in_words(tmp_path, content, told):
    with pytest.raises(DataError, match=told):
        read(written(tmp_path, content))


def test_the_schema_is_that_of_the_json(explained):
    jsonschema.validate(json.loads(to_json(explained.explanation)), json_schema())
    broken = json.loads(to_json(explained.explanation))
    broken["risk"] = "high"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, json_schema())


def test_the_bundle_is_fhir_and_refers_to_what_is_cited(explained):
    found = explained.fhir()
    Bundle.model_validate(found)
    risk, provenance = (entry["resource"] for entry in found["entry"])
    assert risk["prediction"][0]["probabilityDecimal"] == pytest.approx(100 * explained.explanation.risk, abs=0.06)
    assert risk["subject"]["identifier"]["value"] == str(explained.record.sample.subject_id)
    assert len(risk["basis"]) == len({one.source_id for one in explained.explanation.citations})
    assert "simulated" in {tag["code"] for tag in risk["meta"]["tag"]}
    assert {one["what"]["identifier"]["system"] for one in provenance["entity"]} == {
        f"urn:xhaim:{name}" for name in ("model", "settings", "code", "data", "prompts")
    }
    assert datetime.fromisoformat(provenance["recorded"]) <= datetime.now(UTC)


def test_the_page_of_one_explanation_stands_alone(explained):
    page = explained.page()
    assert page.count('<article class="sample"') == 1
    assert "Criteria of guidelines" in page
    assert "What medicine says, not about this patient" in page
    assert "SIMULATED" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_a_stay_that_the_model_may_have_learned_from_says_so_in_every_form(folder, explained):
    rows = pl.read_parquet(folder / "run" / "models" / TASK / "split-0.parquet")
    tested = set(rows.filter(pl.col("part") == "test")["sample_id"])
    listed = {one["sample_id"]: one["risk"] for one in list_samples(folder / "run", TASK)}
    assert [one for one, risk in listed.items() if risk is None] == sorted(set(listed) - tested)
    assert [*listed.values()] == sorted(listed.values(), key=lambda risk: (risk is None, -(risk or 0)))
    learned = next(one for one in listed if one not in tested)
    found = explain_one(folder / "run", TASK, learned, Quiet())
    said = "so the model may have learned from it: the risk is not that of a new patient."
    assert said in " ".join(one.text for one in found.explanation.statements)
    assert said in " ".join(to_text(found.explanation, width=10_000).split())
    assert said in json.dumps(found.fhir())
    assert said in found.page()
    assert said not in to_json(explained.explanation)
    assert verify_file(written(folder, to_json(found.explanation)), folder / "store", None, None).holds


@pytest.mark.parametrize("name", ["30000001", "x-21500101T000000", "-21500101T000000", "1-21509901T000000"])
def test_an_id_that_names_no_sample_is_refused_in_words(folder, explained, name):
    forged = written(folder, to_json(replace(explained.explanation, sample_id=name)), "forged.json")
    with pytest.raises(DataError, match="sample"):
        verify_file(forged, folder / "store", None, None)
