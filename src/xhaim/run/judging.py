"""Judging the stored explanations of a run: none of its models is opened, and only ``verdicts/`` is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xhaim.atomic import write_bytes
from xhaim.config import LanguageModelSettings, settings_hash
from xhaim.errors import DataError
from xhaim.judge.critic import CRITIC
from xhaim.judge.family import same_family
from xhaim.judge.rubric import load_rubric
from xhaim.judge.score_table import Row, rows_of, table, why_none
from xhaim.judge.shown import PROMPTS
from xhaim.judge.verdicts import slug, verdict_from_json, verdict_json
from xhaim.llm.limits import each
from xhaim.ports import Progress
from xhaim.records import Verdict
from xhaim.run.context import Watcher
from xhaim.run.directory import RunDirectory, Stage, code_hash
from xhaim.run.judge_items import Item, stored_items
from xhaim.run.judges import Judge, judge_of, settings_of
from xhaim.run.words import entailment_model

FOLDER = "verdicts"
"""Of a run: ``verdicts/<rater>/<task>/<sample>.json``."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was judged, by whom."""

    rater: str
    notes: tuple[str, ...]
    """What a reader of the scores must know: who judged, and what speaks against trusting it."""
    rows: tuple[Row, ...]
    reasons: tuple[tuple[str, int], ...]
    """Why there is no score, and how often."""
    judged: int
    kept: int
    """Of all, those that were judged before and are as they were."""

    def words(self) -> str:
        """Return it for a terminal."""
        lines = [*self.notes, "", *table(self.rows)]
        lines += [f"no score, {n} times: {why}" for why, n in self.reasons[:8]]
        lines.append(f"{self.judged} explanations judged, {self.kept} of them before")
        return "\n".join(lines)


def judge_run(
    root: Path,
    watch: Watcher,
    *,
    task_id: str | None = None,
    llm: LanguageModelSettings | None = None,
    axes: Sequence[str] = (),
) -> Judged:
    """Judge the stored explanations of a run, and keep the verdicts; those of the same words by the same judge stay.

    Without a model in ``llm`` the deterministic critic judges. ``axes``: further axes of the rubric, for a model alone.
    Raises PrerequisiteError, TaskError, DataError as ``stored_items`` does, StoppedError for a spent budget.
    """
    items = stored_items(root, task_id)
    rubric, door = load_rubric(axes), llm or LanguageModelSettings()
    rater = door.model if door.url and door.model else CRITIC
    nli = entailment_model(settings_of(root).entailment.path)
    key = settings_hash(code_hash(), door.decisive(), PROMPTS, rubric.words(), nli.name if nli else None)
    stage = RunDirectory.open(root).stage(f"{FOLDER}/{slug(rater)}", key)
    with watch.stage(f"judge: {rater}") as progress:
        verdicts, kept = _judged(items, stage, judge_of(root, watch, llm, rubric), door, rater, progress)
    return Judged(
        rater,
        notes_of(root, items, rater),
        rows_of(verdicts),
        why_none(verdicts),
        len(items),
        kept,
    )


def plan(root: Path, task_id: str | None, llm: LanguageModelSettings | None) -> dict[str, str | int]:
    """Say what would be judged, and by whom."""
    items = stored_items(root, task_id)
    rater = llm.model if llm and llm.url and llm.model else CRITIC
    return {
        "would": "judge",
        "explanations": len(items),
        "by": rater,
        "questions at most": 0 if rater == CRITIC else 4 * len(items),
        "into": f"{root}/{FOLDER}/{slug(rater)}",
    }


def read_verdicts(root: Path) -> list[Verdict]:
    """Return all stored verdicts of a run, by rater, task and sample; an empty list where nothing was judged.

    Raises DataError, which names the file, for one that is no verdict, or is not what its place says.
    """
    found = []
    for path in sorted((root / FOLDER).glob("*/*/*.json")):
        name = "/".join(path.parts[-4:])
        try:
            verdict = verdict_from_json(path.read_bytes(), name)
        except OSError:
            raise DataError(f"{name} cannot be read", do="delete it and run xhaim judge again") from None
        said = (slug(verdict.rater), verdict.task_id, verdict.sample_id)
        if said != (path.parts[-3], path.parts[-2].removeprefix("LEAKY-"), path.stem):
            raise DataError(
                f"{name} is not what its place says",
                got="another rater, task or sample",
                expected="verdicts/<rater>/<task>/<sample>.json",
                do="delete it and run xhaim judge again",
            )
        found.append(verdict)
    return sorted(found, key=lambda one: (one.rater, one.task_id, one.sample_id))


def notes_of(root: Path, items: Sequence[Item], rater: str) -> tuple[str, ...]:
    """Return what a reader of the scores must know."""
    settings, writers = settings_of(root), sorted({one.explanation.writer for one in items})
    notes = []
    if rater == CRITIC:
        notes.append("No language model judged: the deterministic critic counted what the verification found.")
    else:
        notes.append(f"Judged in two stages by {rater}.")
        kin = [one for one in [*writers, settings.llm.model or ""] if same_family(rater, one)]
        if kin:
            notes.append(f"The judge is of the family of the writer ({'; '.join(kin)}): it may prefer its own words.")
    if any(one.explanation.simulated for one in items):
        notes.append("SIMULATED data: these are not real patients.")
    if any(one.folder != one.task.id for one in items):
        notes.append("LEAKY: explanations of a run that was shown the report which states the answer.")
    if RunDirectory.open(root).manifest()["code"] != code_hash():
        notes.append("The explanations were written by other code than judges them: changed wording counts as a fault.")
    return tuple(notes)


def _judged(
    items: Sequence[Item], stage: Stage, by: Judge, door: LanguageModelSettings, rater: str, progress: Progress
) -> tuple[list[Verdict], int]:
    def one(item: Item) -> tuple[Verdict, bool]:
        path = stage.folder / item.folder / f"{item.explanation.sample_id}.json"
        if path.is_file():
            before = verdict_from_json(path.read_bytes(), path.name)
            whole = rater == CRITIC or None not in before.scores.values()
            if before.explanation == item.digest and whole:
                return before, True
        verdict = by(item.explanation, item.record, item.task, item.digest, 0)
        write_bytes(path, verdict_json(verdict).encode())
        return verdict, False

    found = each(one, items, door.concurrency if rater != CRITIC else 1, progress)
    return [verdict for verdict, _ in found], sum(before for _, before in found)
