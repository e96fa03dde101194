"""The pipeline: it reads like the paper."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from xhaim import __version__
from xhaim.config import RunSettings, SampleSettings, settings_hash
from xhaim.errors import DataError, TaskError
from xhaim.evaluate.data_grids import DataTables
from xhaim.run.context import EngineName, Run, Watcher
from xhaim.run.data_tables import store_data_tables
from xhaim.run.directory import RunDirectory, Stage, code_hash, write_json
from xhaim.run.explainer import Explainer
from xhaim.run.explanations import explain_samples
from xhaim.run.haim_numbers import store_haim
from xhaim.run.haim_published import store_haim_published
from xhaim.run.image_numbers import store_images
from xhaim.run.image_words import with_image_words
from xhaim.run.known import store_known
from xhaim.run.models import Inputs, predict_risks
from xhaim.run.numbers import store_concepts, store_films, store_numbers
from xhaim.run.on_ray import ADDRESS, require_ray
from xhaim.run.parallel import close_engines, one_thread
from xhaim.run.people import People, gather
from xhaim.run.set_aside import without
from xhaim.run.systems import check_systems
from xhaim.run.vectors import embed_documents
from xhaim.run.watch import Quiet
from xhaim.run.words import find_evidence, summarize
from xhaim.source.store import Store
from xhaim.task import Task, load_task


@dataclass(frozen=True, slots=True)
class Results:
    """What a finished run holds, task by task."""

    run: Run
    people: People
    data: DataTables
    evidence: dict[str, Stage]
    predictions: dict[str, Stage]
    explanations: dict[str, Stage]
    explainers: dict[str, Explainer]


def load_tasks(settings: RunSettings) -> tuple[Task, ...]:
    """Load the tasks of a run. Raises TaskError where a pathology task would be shown the report that it is about."""
    tasks = tuple(load_task(name) for name in settings.tasks)
    shown = [task.id for task in tasks if task.needs_image]
    if settings.report_policy == "admissible" and shown:
        raise TaskError(
            f"{', '.join(shown)}: the report that the label comes from would be shown to the model, and no output "
            "would say so",
            got="report policy admissible",
            expected="none, prior_only or prior_plus_indication; or index_included, which is marked LEAKY",
            do="leave out --report-policy, or give one of these",
        )
    return tasks


EVERY = 100_000
"""Workers of a Ray cluster for which no number was said: as many as it has, and may yet get."""


def begin(
    store_path: Path,
    settings: RunSettings,
    out: Path,
    watch: Watcher,
    workers: int | None = None,
    engine: EngineName = "local",
) -> Run:
    """Open or create the run directory and write its manifest.

    ``workers``: processes; None: one for each core, of this machine or of the cluster at ``RAY_ADDRESS``. Neither they
    nor the engine change a byte of the result. Raises PrerequisiteError where the engine is not installed.
    """
    tasks = load_tasks(settings)
    check_systems(settings.systems, settings.fusion)
    one_thread()
    cores = os.cpu_count() or 1
    if engine == "ray":
        require_ray()
        store_path, out = store_path.resolve(), out.resolve()  # nodes work in folders of their own
        cores = EVERY if ADDRESS in os.environ else cores
    store = Store.open(store_path)
    directory = RunDirectory.create(out)
    run = Run(directory, store, settings, tasks, watch, workers or cores, engine)
    _refuse_another(run)
    if ignored := [task.id for task in tasks if settings.report_policy and not task.needs_image]:
        watch.note(f"the report policy is for findings; {', '.join(ignored)}: all text known before the prediction")
    write_json(
        directory.root / "manifest.json",
        {
            "layout": 1,
            "version": __version__,
            "code": code_hash(),
            "store": str(store_path.resolve()),
            "data_fingerprint": store.fingerprint,
            "simulated": store.simulated,
            "leaky": run.leaky,
            "report_policy": {task.id: run.policy(task) for task in tasks},
            "settings": settings.model_dump(mode="json"),
            "settings_hash": settings_hash(settings),
            "tasks": {task.id: task.model_dump(mode="json") for task in tasks},
        },
    )
    return run


def _refuse_another(run: Run) -> None:
    """Raise DataError where the directory holds a run of another store, of other tasks, or with another policy."""
    if not (run.directory.root / "manifest.json").is_file():
        return
    there = run.directory.manifest()
    policies = {task.id: run.policy(task) for task in run.tasks}
    same = there["report_policy"].items() <= policies.items()
    if there["store"] != str(run.store.path.resolve()) or not same:
        raise DataError(
            f"{run.directory.root} holds another run, whose report would be lost",
            got=f"store {there['store']}, tasks and policies {there['report_policy']}",
            expected=f"store {run.store.path.resolve()}, among {policies}",
            do="choose another --out; or name the tasks that are there as well",
        )


def execute(run: Run) -> Results:
    """Do what is missing of a run; what is there and decided by the same things is kept."""
    try:
        return _execute(run)
    finally:
        close_engines()


def _execute(run: Run) -> Results:
    people = gather(run)
    known = store_known(run, people)
    shown = with_image_words(run, people, known)
    embeddings = embed_documents(run, people, shown)
    first = known[run.policies[0]]
    numbers, images = store_numbers(run, people, first), store_images(run, people, first)
    results = Results(run, people, store_data_tables(run, people, first), {}, {}, {}, {})
    asked = any(one.startswith("haim_published") for one in run.settings.systems)
    published = store_haim_published(run, people) if asked else None
    for task in run.tasks:
        seen = shown[run.policy(task)]
        evidence = find_evidence(run, people, seen, embeddings, task)
        people = without(run, people, task, "1 retrieve", evidence)
        summaries = summarize(run, people, evidence, task)
        people = without(run, people, task, "2 summarize", summaries)
        concepts = store_concepts(run, people, evidence, task)
        theirs = store_haim(run, people, known[run.policy(task)], embeddings)
        films = store_films(run, people, known[run.policy(task)])
        inputs = Inputs(seen, numbers, concepts, summaries, theirs, images, films, evidence, published)
        predictions = predict_risks(run, people, inputs, task)
        explanations, explainer = explain_samples(run, people, inputs, evidence, predictions, task)
        results.evidence[task.id], results.predictions[task.id] = evidence, predictions
        results.explanations[task.id], results.explainers[task.id] = explanations, explainer
    return replace(results, people=people)


def when_predicted(sample: SampleSettings, tasks: tuple[Task, ...]) -> str:
    """Say in words when predictions are made."""
    if files := [task.id for task in tasks if task.label_file is not None]:
        return f"as the label file of {', '.join(files)} says"
    if sample.landmark_hours is not None:
        return f"hour {sample.landmark_hours:g} of each ICU stay"
    cap = f", at most {sample.max_per_stay} of a stay, drawn" if sample.max_per_stay else ""
    if sample.every_hours is not None:
        return f"every {sample.every_hours:g} hours of each ICU stay{cap}"
    if sample.at_code is not None:
        return f"one second after each {sample.at_code} was known{cap}"
    return f"chest images of each ICU stay{cap}" if cap else "one drawn chest image of each ICU stay"


def plan(store_path: Path, settings: RunSettings, out: Path) -> dict[str, object]:
    """Say what a run would do, without doing it."""
    tasks = load_tasks(settings)
    check_systems(settings.systems, settings.fusion)
    store = Store.open(store_path)
    if (out / "manifest.json").is_file():
        _refuse_another(Run(RunDirectory.open(out), store, settings, tasks, Quiet()))
    return {
        "store": str(store_path),
        "simulated": store.simulated,
        "out": str(out),
        "goes_on": (out / "manifest.json").is_file(),
        "prediction_time": when_predicted(settings.sample, tasks),
        "tasks": {
            task.id: settings.report_policy or task.report_policy if task.needs_image else task.report_policy
            for task in tasks
        },
        "steps": [
            "samples",
            "what was known",
            "embedding",
            "1 retrieve",
            "2 summarize",
            "3 predict",
            "4 explain",
            "report",
        ],
        "splits": settings.split.repeats,
        "models": list(settings.systems),
        "language_model": settings.llm.model if settings.llm.url else None,
    }
