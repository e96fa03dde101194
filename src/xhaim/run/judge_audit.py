"""Trust tests of a judge on the stored explanations of a run: what is changed is judged against the same record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from xhaim.config import LanguageModelSettings
from xhaim.errors import PrerequisiteError
from xhaim.explain.render import to_json
from xhaim.judge.audit import Subject, Trial
from xhaim.judge.audit_tests import trials
from xhaim.judge.corruption_edits import draw
from xhaim.judge.critic import CRITIC
from xhaim.judge.rubric import load_rubric
from xhaim.judge.self_preference import self_preference
from xhaim.judge.verdicts import digest
from xhaim.records import Explanation, Verdict
from xhaim.run.context import Watcher
from xhaim.run.judge_items import Item, stored_items
from xhaim.run.judges import Judge, critic, judge_of
from xhaim.run.judging import notes_of

TOLERANCE = 0.2
"""By which a model's scores may change, on average, where nothing changed; a rule's may not at all."""
MIN = 20
"""Comparisons below which a share says little."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The tests of one judge."""

    rater: str
    notes: tuple[str, ...]
    explanations: int
    seed: int
    trials: tuple[Trial, ...]

    @property
    def verdict(self) -> str:
        """Say at the end whether the judge can be trusted, as far as this goes."""
        failed = [one.name for one in self.trials if one.passed is False]
        few = [one.name for one in self.trials if one.passed is not None and one.n < MIN]
        done = sum(one.passed is not None for one in self.trials)
        if not done:
            return f"VERDICT: {self.rater}: nothing could be tested."
        said = (
            f"passed all {done} tests" if not failed else f"failed {len(failed)} of {done} tests: {'; '.join(failed)}"
        )
        small = f" With fewer than {MIN} comparisons: {'; '.join(few)}." if few else ""
        return f"VERDICT: {self.rater} {said}.{small}"

    def words(self) -> str:
        """Return it for a terminal."""
        lines = [*self.notes, f"{self.explanations} explanations, seed {self.seed}", ""]
        for one in self.trials:
            value = "-" if one.value is None else f"{one.value:.3f}"
            mark = {True: "pass", False: "FAIL", None: "n/a"}[one.passed]
            lines += [f"{mark:5}{one.name:64}{value:>8}  wanted {one.wanted}; n = {one.n}", f"     {one.told}"]
        return "\n".join([*lines, "", self.verdict])


def audit_run(
    root: Path,
    watch: Watcher,
    *,
    task_id: str | None = None,
    llm: LanguageModelSettings | None = None,
    samples: int = 20,
    seed: int = 0,
) -> Audit:
    """Test a judge on the explanations of a run, of each task so many as ``samples`` (drawn by a seeded hash).

    Without a model in ``llm`` the deterministic critic is tested. Nothing is written but the ledger of a model.
    Raises as ``judge_run`` does.
    """
    every = stored_items(root, task_id)
    items = _drawn(every, samples, seed)
    rater = llm.model if llm and llm.url and llm.model else CRITIC
    by = judge_of(root, watch, llm, load_rubric())
    subjects = subjects_of(items, every, by)
    tolerance = 0.0 if rater == CRITIC else TOLERANCE
    found = []
    with watch.stage(f"test the judge: {rater}") as progress:
        for one in trials(subjects, seed, tolerance):
            found.append(one)
            progress(len(found), _TESTS)
        found.append(_of_writers(rater, items, subjects))
        progress(_TESTS, _TESTS)
    return Audit(rater, notes_of(root, items, rater), len(items), seed, tuple(found))


_TESTS = 14


def _drawn(items: Sequence[Item], samples: int, seed: int) -> list[Item]:
    if samples < 1:
        raise PrerequisiteError("no explanation to test a judge on", got=samples, expected="at least 1 for each task")
    chosen = []
    for folder in sorted({one.folder for one in items}):
        mine = [one for one in items if one.folder == folder]
        order = sorted(mine, key=lambda one: draw(f"{seed} audit {one.explanation.sample_id}", 1 << 60))
        chosen += sorted(order[:samples], key=lambda one: one.explanation.sample_id)
    return chosen


def subjects_of(items: Sequence[Item], every: Sequence[Item], by: Judge) -> list[Subject]:
    """Give each explanation its judge, and the next patient's of ``every`` that cites something."""
    return [_subject(item, every, by) for item in items]


def _subject(item: Item, every: Sequence[Item], by: Judge) -> Subject:
    mine = [one for one in every if one.folder == item.folder]
    place = mine.index(item)
    others = [
        one.explanation
        for one in (*mine[place + 1 :], *mine[:place])
        if one.record.sample.subject_id != item.record.sample.subject_id and one.explanation.citations
    ]
    return Subject(item.explanation, partial(_judged, item, by), others[0] if others else None)


def _judged(item: Item, by: Judge, explanation: Explanation, reading: int) -> Verdict:
    return by(explanation, item.record, item.task, digest(to_json(explanation).encode()), reading)


def _of_writers(rater: str, items: Sequence[Item], subjects: Sequence[Subject]) -> Trial:
    """Compare writers, where the judge could be one of them."""
    told = []
    for item, one in zip(items, subjects, strict=True):
        explanation = item.explanation
        said = one.judge(explanation, 0)
        told.append((explanation.writer, said, critic(explanation, item.record, item.task, item.digest, None)))
    return self_preference(rater, told)
