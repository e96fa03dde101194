"""Whether a model may have learned from a patient: by sample, by subject, and by person."""

from dataclasses import replace
from types import SimpleNamespace

import polars as pl
import pytest
from applied_run import TASKS, applied_run

from xhaim.run.apply import fitted
from xhaim.run.apply_limits import limits
from xhaim.run.learned_from import OTHER, STAY, learned_from, of_sample, same_person
from xhaim.run.watch import Quiet
from xhaim.source.store import Store

TASK = SimpleNamespace(id="t")


def people(*rows):
    frame = pl.DataFrame(rows, schema={"split": pl.Int64, "sample_id": pl.String, "part": pl.String}, orient="row")
    return SimpleNamespace(splits={"t": frame})


@pytest.mark.parametrize(
    ("rows", "split", "begins"),
    [
        ([(0, "a", "test"), (1, "a", "train")], 0, None),
        ([(0, "a", "test"), (1, "a", "train")], 1, "In split 1 of this run the stay is in the train part"),
        (
            [(0, "a", "validation"), (1, "a", "train")],
            0,
            "In every split of this run the stay is in the validation part",
        ),
        ([(0, "b", "train")], 0, None),
        ([(1, "a", "train")], 0, None),
    ],
)
def test_a_labelled_sample_is_told_of_by_its_part(rows, split, begins):
    found = of_sample(people(*rows), TASK, "a", split)
    assert (found == ()) == (begins is None)
    assert begins is None or found[0].startswith(begins)


def test_nothing_is_said_of_the_test_part_or_of_nobody():
    assert learned_from("test", 0) == learned_from(None, 0, OTHER) == ()
    assert learned_from("train", 3, OTHER)[0].startswith(f"In split 3 of this run {OTHER} is in the train part")


def with_persons(store, folder, rows):
    """The store's events and name; one person is several subjects."""
    (folder / "metadata").mkdir(parents=True)
    persons = pl.DataFrame(rows, schema={"subject_id": pl.Int64, "person_id": pl.Int64}, orient="row")
    persons.write_parquet(folder / "metadata" / "persons.parquet")
    return Store(folder, store.info)


def test_subjects_are_one_person_by_the_store_alone(tmp_path):
    store = with_persons(Store(tmp_path, {}), tmp_path, [(1, 7), (2, 7), (3, None), (4, 8)])
    assert same_person(store, 1) == same_person(store, 2) == [1, 2]
    assert [same_person(store, one) for one in (3, 4, 5)] == [[3], [4], [5]]
    assert same_person(Store(tmp_path / "none", {}), 1) == [1]


def test_a_model_that_learned_from_another_subject_of_the_same_person_says_so(tmp_path):
    results = applied_run()
    task = next(one for one in results.run.tasks if one.id == TASKS[1])
    parts = results.people.splits[task.id].filter(pl.col("split") == 0).join(results.people.samples, on="sample_id")
    row = {
        part: parts.filter(pl.col("part") == part).sort("sample_id").row(0, named=True) for part in ("train", "test")
    }
    tested, trained = row["test"], row["train"]
    explainer = results.explainers[task.id]
    sample = explainer.sample({name: tested[name] for name in results.people.samples.columns})
    root, store = results.run.directory.root, results.run.store

    def said(store, sample):
        return limits(root, results.run.directory.manifest(), results.run.settings, task, 0, store, sample)

    one = with_persons(store, tmp_path / "one", [(tested["subject_id"], 1), (trained["subject_id"], 1)])
    two = with_persons(store, tmp_path / "two", [(tested["subject_id"], 1), (trained["subject_id"], 2)])
    assert said(store, sample) == said(two, sample) == ()
    assert OTHER in said(one, sample)[-1]
    model = fitted(root, task.id, tmp_path, Quiet())
    later = replace(sample, subject_id=trained["subject_id"], sample_id="another")
    assert OTHER in model.limits(store, later)[-1]
    own = explainer.sample({name: trained[name] for name in results.people.samples.columns})
    assert STAY in model.limits(store, own)[-1]
    assert explainer.limits(store, own)[0].startswith("In every split of this run the stay")
