"""Ten thousand random samples: what comes out of every door is what a plain reading of the rules allows, no more, no
less; and what is known at or after t, whatever becomes of it, changes nothing."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import replace

import polars as pl
import pytest
from made_up_time import RACES, World, at, world

from xhaim.cohort.guard import admissible
from xhaim.cohort.samples import as_samples
from xhaim.config import ExplainSettings, RetrieveSettings, SummarizeSettings
from xhaim.errors import BackendError
from xhaim.evaluate.header import RunHeader
from xhaim.evaluate.page import samples as page
from xhaim.explain.compose import observe
from xhaim.llm.scripted import ScriptedModel
from xhaim.modality.documents import documents, images, modality_of
from xhaim.modality.measurements import as_measurements, measurements
from xhaim.modality.tabular import static_facts, tabular
from xhaim.modality.time_series import statistics
from xhaim.records import MODALITIES, Evidence, Record, ScoredChunk
from xhaim.retrieve.chunk import chunk
from xhaim.summarize.extractive import extractive
from xhaim.summarize.generative import generative
from xhaim.task import load_task

SUBJECTS, SAMPLES_EACH, EVENTS_EACH = 2500, 4, 10
TASK = load_task("pleural_effusion").model_copy(update={"signals": ("glucose",)})
HEADER = RunHeader("a test", True, {TASK.id: "prior_only"}, {}, "", "", 0, 0)
WORDS = {"note", "film", "unlinked film", "discharge"}
MARK = re.compile(r"zq(\d{6})qz")


def marks(texts: Iterable[str]) -> set[int]:
    return {int(mark) for text in texts for mark in MARK.findall(text)}


@pytest.fixture(scope="module")
def people() -> World:
    made = world(11, SUBJECTS, SAMPLES_EACH, EVENTS_EACH)
    assert len(made.asked) >= 10_000
    return made


@pytest.fixture(scope="module")
def seen(people) -> pl.DataFrame:
    return admissible(people.events().lazy(), people.samples, "prior_only")


@pytest.fixture(scope="module")
def expected(people) -> dict[str, set[int]]:
    found = people.visible("prior_only")
    hidden = sum(len(found[one.name]) for one in people.asked)
    assert 10_000 < hidden < len(people.asked) * EVENTS_EACH  # some are seen, and some are not
    return found


def of(people: World, expected: dict[str, set[int]], kinds: set[str]) -> dict[str, set[int]]:
    wanted = {event.mark for event in people.happenings if event.kind in kinds}
    return {name: found for name, every in expected.items() if (found := every & wanted)}


@pytest.mark.parametrize("policy", ["admissible", "none", "prior_only"])
def test_the_guard_lets_in_what_the_rules_say_for_every_sample(people, policy):
    frame = admissible(people.events().lazy(), people.samples, policy)
    found: dict[str, set[int]] = {one.name: set() for one in people.asked}
    for sample_id, source in frame.drop_nulls("source").select("sample_id", "source").iter_rows():
        found[sample_id] |= marks([source])
    assert found == people.visible(policy)


def test_documents_and_chunks(people, seen, expected):
    words = of(people, expected, WORDS)
    found = documents(seen)
    assert {name: marks(one.text for one in mine) for name, mine in found.items()} == words
    settings = RetrieveSettings()
    cut = {name: [chunk(one, modality_of(one), settings) for one in mine] for name, mine in found.items()}
    assert {name: marks(piece.text for some in mine for piece in some) for name, mine in cut.items()} == words


def test_measurements_and_statistics(people, seen, expected):
    values = of(people, expected, {"value"})
    by_mark = {event.mark: event.value for event in people.happenings}
    table = measurements(seen)
    found: dict[str, list[float]] = {}
    for sample_id, value in table.select("sample_id", "value").iter_rows():
        found.setdefault(sample_id, []).append(value)
    plain = {name: sorted(by_mark[mark] for mark in mine) for name, mine in values.items()}
    assert {name: sorted(mine) for name, mine in found.items()} == plain
    for row in statistics(table).iter_rows(named=True):
        mine = plain[row["sample_id"]]
        assert (row["min"], row["max"], row["count"]) == (mine[0], mine[-1], len(mine))
        assert row["hours since last"] > 0


def test_images(people, seen, expected):
    found = {name: marks(one.path for one in mine) for name, mine in images(seen).items()}
    assert found == of(people, expected, {"image"})


def test_facts_are_of_the_subject_and_the_newest_known(people, seen, expected):
    facts = static_facts(seen)
    by_mark = {event.mark: event for event in people.happenings}
    names = [one.name for one in people.asked]
    table = dict(zip(names, tabular(facts, names).iter_rows(named=True), strict=True))
    for one in people.asked:
        assert facts[one.name]["sex"] == people.sexes[one.subject]
        assert table[one.name][f"sex: {people.sexes[one.subject]}"] == 1
        known = [by_mark[mark] for mark in expected[one.name] if by_mark[mark].kind == "race"]
        newest = max((event.time for event in known), default=None)
        assert facts[one.name]["race"] in ({RACES[e.mark % 4] for e in known if e.time == newest} or {None})


def test_prompts_and_the_data_of_a_page(people, seen, expected):
    """Every fortieth sample for the page, which is slow; every sample for the prompts."""
    words, every = of(people, expected, WORDS), documents(seen)
    values, pictures, facts = measurements(seen), images(seen), static_facts(seen)
    by_sample = {key[0]: part for key, part in values.partition_by("sample_id", as_dict=True).items()}
    by_mark = {event.mark: event for event in people.happenings}
    shown = 0
    for place, sample in enumerate(as_samples(people.samples)):
        mine = every.get(sample.sample_id, ())
        evidence = {kind: ranked(sample.sample_id, kind, mine) for kind in MODALITIES}
        asked: list[str] = []
        for item in evidence.values():
            model = ScriptedModel([])
            if item.chunks:
                with pytest.raises(BackendError):
                    generative(item, TASK, model, len, SummarizeSettings())
            asked += [user for _, user, _ in model.asked]
        assert marks(asked) == words.get(sample.sample_id, set())
        if place % 40:
            continue
        mine_values = as_measurements(by_sample.get(sample.sample_id, values.clear()))
        record = Record(sample, facts[sample.sample_id], mine, mine_values, pictures.get(sample.sample_id, ()))
        summaries = {
            kind: extractive(item, TASK, lambda text: len(text.split()), SummarizeSettings())
            for kind, item in evidence.items()
        }
        told = observe(record, TASK, evidence, summaries, "a test", ExplainSettings(), simulated=True)
        view = page(
            HEADER, [TASK], [told], {sample.sample_id: record},
            {(sample.sample_id, TASK.id): list(summaries.values())},
        )  # fmt: skip
        assert marks([repr(view)]) <= expected[sample.sample_id]
        times = {at(by_mark[mark].time) for mark in expected[sample.sample_id]}
        assert {one.time for one in told.citations if one.kind == "measurement"} <= times
        shown += len(marks([repr(view)]))
    assert shown > 100


def ranked(sample_id: str, kind: str, mine: Iterable) -> Evidence:
    pieces = [piece for one in mine if modality_of(one) == kind for piece in chunk(one, kind, RetrieveSettings())]
    scored = tuple(ScoredChunk(one, 0.5, 0.5, 0.5, rank, "q", "affirmed") for rank, one in enumerate(pieces, 1))
    return Evidence(sample_id, TASK.id, kind, scored, len(pieces))


def test_what_is_known_at_or_after_t_changes_nothing():
    people = world(12, 10_000, 1, 5)
    limit = {one.subject: one for one in people.asked}
    dice = random.Random(5)
    after, changed = [], 0
    for event in people.happenings:
        one = limit[event.subject]
        if event.word == one.image or (event.known is not None and max(event.known, event.time) < one.t):
            after.append(event)
            continue
        changed += 1
        fate = dice.randrange(4)
        if fate == 0:
            continue  # deleted
        late = one.t + dice.randrange(10**6)
        corrupted = replace(event, known=late, mark=event.mark + 500_000, kind=dice.choice(["note", "film", "value"]))
        after += [event] * 2 if fate == 1 else [corrupted, replace(corrupted, time=late, study=one.study)]
    assert changed > 10_000
    dice.shuffle(after)
    one, two = people.events(), people.events(after)
    for policy in ("admissible", "none", "prior_only"):
        before = admissible(one.lazy(), people.samples, policy)
        assert before.height > 10_000
        assert admissible(two.lazy(), people.samples, policy).equals(before)
