"""What the critic counts of a summary, by hand; on people's scores; and the folds of its benchmark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.judge_people_data import SCORES, SUMMARIES, Summaries, aligned, other_conversations, read
from benchmarks.judge_people_map import Map, correlation, folds, out_of_fold
from benchmarks.judge_people_model import case, scores_of
from scipy.stats import spearmanr

from xhaim.errors import DataError
from xhaim.judge.summary_critic import _common, features
from xhaim.judge.summary_salience import Salience, learn
from xhaim.records import Verdict

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "mts_dialog"
DIALOGUE = """Doctor: What brings you in?
Patient: I have chest pain and a cough since Monday.
Doctor: Any fever?
Patient: No.
Doctor: Do you take anything?
Patient: Aspirin, eighty one milligrams."""
WHOLE = "Chest pain and cough since Monday. No fever. Takes aspirin 81 mg."


def test_a_whole_summary_lacks_less_than_a_part_of_it() -> None:
    whole, part = features(DIALOGUE, WHOLE), features(DIALOGUE, "Chest pain.")
    for name in ("lacks facts", "lacks findings", "lacks drugs", "lacks numbers", "lacks salient terms"):
        assert whole[name] < part[name], name
    assert whole["lacks findings"] == whole["lacks drugs"] == 0
    assert part["lacks findings"] == 2  # cough, fever
    assert part["lacks drugs"] == 1
    assert part["lacks numbers"] == 1


def test_what_nobody_said_counts_as_added() -> None:
    true, false = features(DIALOGUE, WHOLE), features(DIALOGUE, WHOLE + " History of stroke. Takes warfarin 5 mg.")
    assert true["adds findings"] == true["adds drugs"] == 0
    assert false["adds findings"] == 1
    assert false["adds drugs"] == 1
    assert false["adds numbers"] == 1
    assert false["sure disagreements"] > true["sure disagreements"]


def test_a_denial_turned_round_disagrees() -> None:
    assert (
        features(DIALOGUE, "He has fever.")["sure disagreements"]
        > features(DIALOGUE, "No fever.")["sure disagreements"]
    )


def test_against_a_reference_the_same_words_hold_everything() -> None:
    same = features(DIALOGUE, WHOLE, WHOLE)
    assert same["reference share of facts"] == same["reference words, log ratio"] == 0
    assert same["reference words in its order"] == 1
    none = features(DIALOGUE, "", WHOLE)
    assert none["reference share of facts"] == 1
    assert none["reference facts held, log share"] < same["reference facts held, log share"]
    assert "reference facts" not in features(DIALOGUE, WHOLE)


@pytest.mark.parametrize("text", ["", " \n", ".", "\x00\u202e", "a" * 20_000, "Doctor:\nPatient:\n", "<script>" * 50])
def test_hostile_texts_give_finite_numbers_in_every_place(text: str) -> None:
    for given in ((text, WHOLE, WHOLE), (DIALOGUE, text, WHOLE), (DIALOGUE, WHOLE, text), (text, text, text)):
        assert np.isfinite(list(features(*given).values())).all()


def test_a_text_without_end_is_refused() -> None:
    with pytest.raises(DataError, match="too long"):
        features(DIALOGUE, "a b. " * 10_001)


def test_a_repeated_phrase_and_a_broken_off_end_are_seen() -> None:
    assert features(DIALOGUE, "Chest pain and cough. " * 6)["repeats"] > 0.5
    assert features(DIALOGUE, WHOLE)["repeats"] == 0
    assert features(DIALOGUE, "He has chest pain and")["breaks off"] == 1
    assert features(DIALOGUE, WHOLE)["breaks off"] == 0


def test_the_longest_common_order() -> None:
    assert _common(list("abcde"), list("bxdye")) == 3
    assert _common([], ["a"]) == 0


def test_salience_counts_what_notes_keep() -> None:
    kept = [(f"Doctor: Hello.\nPatient: My cat has a cough {n}.", "Cough.") for n in range(20)]
    found = learn(kept)
    cough, cat = found.weight(("finding", "cough")), found.weight(("stem", "cat"))
    assert cough > 0.8
    assert cat < 0.2
    assert learn(kept[::-1]) == found
    assert found.rarity(("finding", "cough")) < found.rarity(("finding", "never heard"))
    assert Salience().weight(("finding", "cough")) == Salience().rarity(("finding", "cough")) == 1


def test_folds_keep_a_dialogue_on_one_side() -> None:
    groups = np.repeat(np.arange(20), 4)
    for train, test in folds(groups, 5, seed=1):
        assert not set(groups[train]) & set(groups[test])
    assert sorted(np.concatenate([test for _, test in folds(groups, 5, seed=1)])) == list(range(80))


def test_the_map_learns_what_is_there_and_nothing_of_a_dialogue_it_did_not_see() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 4)
    told = rng.normal(size=160)
    X = np.column_stack([told, rng.normal(size=160)])
    y = told + 0.3 * rng.normal(size=160)
    assert correlation(out_of_fold(X, y, groups, repeats=1, n=3), y, groups, draws=50).value > 0.85
    name = rng.normal(size=40)[groups]  # a mark of the dialogue, and scores that are of the dialogue alone
    of_dialogue = rng.normal(size=40)[groups]
    leaked = out_of_fold(np.column_stack([name]), of_dialogue, groups, repeats=1, n=3)
    assert abs(correlation(leaked, of_dialogue, groups, draws=50).value) < 0.3
    assert (
        spearmanr(Map(np.column_stack([name]), of_dialogue, groups).predict(np.column_stack([name])), of_dialogue)[0]
        > 0.4
    )


def test_the_interval_draws_whole_dialogues() -> None:
    groups = np.repeat(np.arange(10), 30)
    y = np.arange(10.0)[groups]
    noisy = y + np.random.default_rng(0).normal(size=10)[groups] * 4
    found = correlation(noisy[None], y, groups, draws=300)
    low, high = np.percentile(found.draws, [2.5, 97.5])
    assert low < found.value < high
    assert found.less(found).words() == "+0.000 [+0.000, +0.000]"
    assert high - low > 0.3  # ten dialogues, however many rows


@pytest.mark.real_data
@pytest.mark.skipif(not DATA.exists(), reason="the open clinical data folder is not there")
def test_on_peoples_scores_the_critic_alone_beats_the_length_of_the_dialogue() -> None:
    given = read(DATA / SUMMARIES, DATA / SCORES)
    best, others = aligned(given)
    assert best > max(others) + 0.05
    pairs = other_conversations(DATA, given)
    assert len(pairs) == 1199
    salience = learn(pairs[::5])
    rows = [
        features(source, ours, reference, salience=salience)
        for source, ours, reference in zip(given.dialogues, given.summaries, given.references, strict=True)
    ]
    recall = given.people["FactualRecall"]
    length = abs(spearmanr([row["source words"] for row in rows], recall)[0])
    assert length == pytest.approx(0.60, abs=0.01)
    assert -spearmanr([row["lacks salient terms"] for row in rows], recall)[0] > 0.65 > length
    held = [row["reference facts held, log share"] for row in rows]
    assert spearmanr(held, recall)[0] > 0.74
    assert spearmanr(held, given.people["OmissionRate"])[0] < -0.72


@pytest.mark.real_data
@pytest.mark.skipif(not DATA.exists(), reason="the open clinical data folder is not there")
def test_scores_in_another_order_than_the_summaries_are_refused(tmp_path: Path) -> None:
    head, *rows = (DATA / SCORES).read_text(encoding="utf-8-sig").splitlines()
    (tmp_path / "scores.csv").write_text("\n".join([head, *rows[100:], *rows[:100]]))
    with pytest.raises(DataError, match="not in the order"):
        read(DATA / SUMMARIES, tmp_path / "scores.csv")
    (tmp_path / "scores.csv").write_text("\n".join([head, *rows[1:]]))
    with pytest.raises(DataError, match="differ in number"):
        read(DATA / SUMMARIES, tmp_path / "scores.csv")


def test_any_judge_of_a_summary_can_be_asked() -> None:
    given = Summaries((DIALOGUE,) * 2, (WHOLE,) * 2, (WHOLE, "Cough."), {}, np.array([0, 0]))

    def judged(source: str, summary: str) -> Verdict:
        seen = case(source, summary)
        assert seen.evidence == {1: source}
        n = len(seen.explanation.statements)
        return Verdict("s", "t", seen.digest, "r", {"citation": None, "factuality": n, "quality": 1}, {"citation": "?"})

    found = scores_of(given, judged)
    assert np.isnan(found["citation"]).all()
    assert found["factuality"].tolist() == [3, 1]
