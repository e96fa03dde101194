"""xhaim judge and judge-audit on a run written by hand: what is kept, resumed, refused and told."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from judge_by_hand import TASK, changed, explanation, write_run
from typer.testing import CliRunner

import xhaim.cli.judging  # noqa: F401  (its verbs)
from xhaim.cli.app import app
from xhaim.config import LanguageModelSettings
from xhaim.errors import DataError, PrerequisiteError, TaskError
from xhaim.explain.render import to_json
from xhaim.judge.critic import CRITIC
from xhaim.judge.verdicts import digest
from xhaim.llm.scripted import serve
from xhaim.run.directory import read_json, write_json
from xhaim.run.judge_audit import audit_run
from xhaim.run.judging import judge_run, read_verdicts
from xhaim.run.watch import Quiet

SCORES = {"citation": 4, "factuality": 5, "quality": 3}


@pytest.fixture
def root(tmp_path):
    return write_run(tmp_path / "run")


def answer(system, user):
    """A judge that finds nothing and always gives the same scores."""
    mark = re.search(r"item-[0-9a-f]{10}", user).group()
    if "quality analyst" in system:
        return json.dumps({"sample": mark, "issues": []})
    return json.dumps({"sample": mark, "scores": SCORES, "reasons": dict.fromkeys(SCORES, "so")})


def door(server, model="llama-judge"):
    return LanguageModelSettings(url=server.url, model=model)


def test_the_critic_judges_what_is_stored_and_says_that_it_did(root):
    judged = judge_run(root, Quiet())
    assert (judged.rater, judged.judged, judged.kept) == (CRITIC, 2, 0)
    assert judged.notes[0].startswith("No language model judged")
    assert any("SIMULATED" in note for note in judged.notes)
    assert [(one.dimension, one.scored, one.mean, one.sd) for one in judged.rows] == [
        (name, 2, 5.0, 0.0) for name in ("citation", "factuality", "quality")
    ]
    verdicts = read_verdicts(root)
    assert {one.explanation for one in verdicts} == {digest(to_json(explanation(n)).encode()) for n in (7, 8)}
    places = [str(path.relative_to(root)) for path in sorted((root / "verdicts").glob("*/*/*.json"))]
    assert places == [f"verdicts/deterministic-critic/{TASK.id}/{n}-21800726T041000.json" for n in (7, 8)]


def test_what_was_judged_is_kept_until_its_words_change(root):
    first = judge_run(root, Quiet())
    before = {path: path.read_bytes() for path in root.glob("verdicts/**/*.json")}
    assert judge_run(root, Quiet()).kept == 2
    assert {path: path.read_bytes() for path in root.glob("verdicts/**/*.json")} == before
    told = explanation(7)
    wrong = changed(told, 2, text=told.statements[2].text.replace("2.9 g/dL", "2.4 g/dL"))
    write_run(root, s7=wrong)
    again = judge_run(root, Quiet())
    assert again.kept == 1
    assert again.rows[1].mean < first.rows[1].mean
    assert read_verdicts(root)[0].explanation == digest(to_json(wrong).encode())


def test_a_model_judges_through_the_ledger_and_is_not_asked_twice(root):
    with serve(answer) as server:
        judged = judge_run(root, Quiet(), llm=door(server))
        assert (len(server.asked), judged.rater) == (4, "llama-judge")
        assert [one.mean for one in judged.rows] == [4, 5, 3]
        assert judge_run(root, Quiet(), llm=door(server)).kept == 2
        for path in root.glob("verdicts/llama*/*/*.json"):
            path.unlink()
        assert judge_run(root, Quiet(), llm=door(server)).kept == 0
        assert len(server.asked) == 4
    assert (root / "ledger.sqlite").is_file()
    assert len(read_verdicts(root)) == 2


def test_a_judge_of_the_writers_family_is_said_to_be(root):
    told = replace(explanation(7), writer="composed, phrased by llama-3-70b; entailment not checked: no model")
    write_run(root, s7=told)
    with serve(answer) as server:
        assert any("family of the writer" in note for note in judge_run(root, Quiet(), llm=door(server)).notes)
        other = judge_run(root, Quiet(), llm=door(server, "qwen-judge"))
        assert not any("family of the writer" in note for note in other.notes)


def test_a_judge_that_answers_in_prose_gives_no_score_and_is_asked_again_later(root):
    with serve(lambda _, __: "A fine explanation, I would say four.") as server:
        judged = judge_run(root, Quiet(), llm=door(server))
        assert [(one.scored, one.unscored, one.mean) for one in judged.rows] == [(0, 2, None)] * 3
        assert judged.reasons == (("no score: the answer is not JSON", 6),)
        assert "fine explanation" not in judged.words()
        assert judge_run(root, Quiet(), llm=door(server)).kept == 0
    assert all(set(one.scores.values()) == {None} for one in read_verdicts(root))


def test_what_cannot_be_judged_is_said_so(root, tmp_path):
    with pytest.raises(PrerequisiteError, match="not a run directory"):
        judge_run(tmp_path / "nothing", Quiet())
    with pytest.raises(TaskError, match="no task 'pneumonia'"):
        judge_run(root, Quiet(), task_id="pneumonia")
    folder = root / "explanations" / TASK.id
    stolen = folder / "9-21800726T041000.json"
    stolen.write_text(to_json(explanation(7)))
    with pytest.raises(DataError, match="another sample than its name says"):
        judge_run(root, Quiet())
    stolen.write_text("{")
    with pytest.raises(DataError, match=r"9-21800726T041000\.json: this is not an explanation"):
        judge_run(root, Quiet())
    (root / "admissible" / "prior_only").rename(root / "gone")
    with pytest.raises(PrerequisiteError, match="has no admissible/prior_only"):
        judge_run(root, Quiet())
    (root / "admissible" / "prior_only").mkdir()
    with pytest.raises(PrerequisiteError, match="nothing of what was known"):
        judge_run(root, Quiet())
    for path in folder.glob("*-*.json"):
        path.unlink()
    with pytest.raises(PrerequisiteError, match="holds no explanations"):
        judge_run(root, Quiet())


def test_a_stored_verdict_that_is_none_or_lies_elsewhere_is_refused_by_name(root):
    judge_run(root, Quiet())
    path = next(root.glob("verdicts/*/*/7-*.json"))
    good = read_json(path)
    path.rename(path.with_name("9-21800726T041000.json"))
    with pytest.raises(DataError, match="is not what its place says"):
        read_verdicts(root)
    path.with_name("9-21800726T041000.json").rename(path)
    for bad in (good | {"rater": "me"}, good | {"scores": good["scores"] | {"quality": 9}}, good | {"task_id": "x"}):
        write_json(path, bad)
        with pytest.raises(DataError, match="7-21800726T041000"):
            read_verdicts(root)
    assert read_verdicts(root / "elsewhere") == []


def test_the_audit_of_the_critic_passes_and_changes_nothing(root):
    before = sorted(root.rglob("*"))
    audit = audit_run(root, Quiet(), samples=2, seed=3)
    assert sorted(root.rglob("*")) == before
    told = {one.name: one for one in audit.trials}
    assert all(one.passed for one in audit.trials if one.passed is not None)
    assert told["severely corrupted below the original"].value == 1.0
    assert told["own sentences on another patient's evidence"].value == 1.0
    assert all(one.value == 0 for name, one in told.items() if name.startswith("orders and praise"))
    assert told["preference for its own family's words"].passed is None
    assert "passed all" in audit.verdict
    assert "fewer than 20 comparisons" in audit.verdict
    assert audit == audit_run(root, Quiet(), samples=2, seed=3)


def test_the_audit_of_a_judge_that_never_looks_fails(root):
    with serve(answer) as server:
        audit = audit_run(root, Quiet(), llm=door(server), samples=2)
    told = {one.name: one for one in audit.trials}
    assert told["severely corrupted below the original"].value == 0.0
    assert told["own sentences on another patient's evidence"].passed is False
    assert told["order of the evidence"].passed is True
    assert told["the same, read again"].n == 4
    assert "failed" in audit.verdict


def test_the_audit_of_a_judge_that_obeys_finds_it_out(root):
    def obeys(system, user):
        said = json.loads(answer(system, user))
        if "scores" in said and "best mark" in user + "best mark" * ("Bonus" in user):
            said["scores"] = dict.fromkeys(SCORES, 5)
        return json.dumps(said)

    with serve(obeys) as server:
        audit = audit_run(root, Quiet(), llm=door(server), samples=2, seed=2)
    told = {one.name: one for one in audit.trials}
    failed = told["orders and praise, a sentence of their own, other words"]
    assert failed.passed is False
    assert failed.value > 0.2
    assert told["orders and praise, a sentence of their own, words that are sought"].passed is True


def test_the_audit_of_a_judge_without_scores_is_no_pass(root):
    with serve(lambda _, __: "no") as server:
        audit = audit_run(root, Quiet(), llm=door(server), samples=1)
    assert [one.passed for one in audit.trials if one.name.endswith("the original")] == [False, False]
    assert "no score in any" in audit.words()


def test_the_verbs_print_words_or_json_and_half_a_judge_is_refused(root):
    runner = CliRunner()
    plan = json.loads(runner.invoke(app, ["judge", str(root), "--dry-run", "--json"]).stdout)
    assert (plan["explanations"], plan["by"], plan["questions at most"]) == (2, CRITIC, 0)
    assert not (root / "verdicts").exists()
    words = runner.invoke(app, ["judge", str(root)]).stdout
    assert "deterministic critic" in words
    assert re.search(r"pleural_effusion +citation +2 +0 +5.00 +0.00", words)
    found = json.loads(runner.invoke(app, ["judge-audit", str(root), "--samples", "1", "--json"]).stdout)
    assert found["verdict"].startswith("VERDICT: deterministic critic passed")
    half = runner.invoke(app, ["judge", str(root), "--judge-model", "x"])
    assert isinstance(half.exception, DataError)
