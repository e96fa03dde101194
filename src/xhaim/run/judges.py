"""Who judges: the deterministic critic, or a model behind the run's ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from xhaim.config import LanguageModelSettings, RunSettings
from xhaim.explain.verify import verify
from xhaim.judge.addressed import set_aside
from xhaim.judge.critic import criticise
from xhaim.judge.rubric import Rubric
from xhaim.judge.shown import Case
from xhaim.judge.two_stage import judge
from xhaim.ports import Entailment, LanguageModel
from xhaim.records import Explanation, Record, Verdict
from xhaim.run.context import Run, Watcher
from xhaim.run.directory import RunDirectory
from xhaim.run.verification import cited_words, verification_of
from xhaim.run.words import entailment_model, language_model
from xhaim.source.store import Store
from xhaim.task import Task

Judge: TypeAlias = Callable[[Explanation, Record, Task, str, int], Verdict]
"""Explanation, the record that it is of, its task, SHA-256 of its JSON, which reading of it (0: the first)."""


def judge_of(root: Path, watch: Watcher, llm: LanguageModelSettings | None, rubric: Rubric) -> Judge:
    """Return who judges: the model of ``llm`` behind the run's ledger; without one the deterministic critic."""
    settings = settings_of(root)
    nli = entailment_model(settings.entailment.path)
    if llm is None or llm.url is None or llm.model is None:
        return lambda explanation, record, task, digest, _: critic(explanation, record, task, digest, nli)
    directory = RunDirectory.open(root)
    store = Store(Path(directory.manifest()["store"]), {})  # nothing of it is read
    run = Run(directory, store, settings.model_copy(update={"llm": llm}), (), watch)

    def asked(explanation: Explanation, record: Record, task: Task, digest: str, reading: int) -> Verdict:
        model = language_model(run, record.sample.subject_id)
        assert model is not None  # noqa: S101  (url and model are there)
        return judge_one(explanation, record, task, digest, rubric, model, reading)

    return asked


def judge_one(
    explanation: Explanation,
    record: Record,
    task: Task,
    digest: str,
    rubric: Rubric,
    model: LanguageModel | None = None,
    reading: int = 0,
) -> Verdict:
    """Judge one explanation against the record that it is of; without a model by the deterministic critic."""
    if model is None:
        return critic(explanation, record, task, digest, None)
    evidence = cited_words(explanation, record, verify(explanation, record, task=task))
    return judge(Case(explanation, digest, evidence), rubric, model, reading)


def critic(explanation: Explanation, record: Record, task: Task, digest: str, nli: Entailment | None) -> Verdict:
    """Judge one explanation by the deterministic critic."""
    heard = set_aside(explanation)
    found = verification_of(heard.explanation, record, task, nli, None)
    verdict = criticise(heard.explanation, found, digest, record.sample.prediction_time)
    return replace(verdict, issues=(*heard.placed(verdict.issues), *heard.issues))


def settings_of(root: Path) -> RunSettings:
    """Return the settings that a run was made with."""
    return RunSettings.model_validate(RunDirectory.open(root).manifest()["settings"])
