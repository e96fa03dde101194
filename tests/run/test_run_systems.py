from dataclasses import replace

import numpy as np
import pytest

from xhaim.config import FusionSettings
from xhaim.errors import DataError, PrerequisiteError, TaskError
from xhaim.records import Features
from xhaim.run.people import SplitRows
from xhaim.run.systems import FITTED, Split, check_systems

N = 60
BLOCKS = {
    "tabular": (0, 3),
    "time_series": (3, 5),
    "concepts": (5, 7),
    "earlier_films": (7, 8),
    "image": (8, 10),
    "earlier_image": (10, 11),
}
NAMES = ("age, years", "sex: F", "hours in ICU", *(f"column {i}" for i in range(3, 11)))


def features(names=NAMES, blocks=BLOCKS, **texts):
    values = np.arange(N * len(names), dtype=np.float32).reshape(N, -1)
    return Features(tuple(f"s{i:02d}" for i in range(N)), texts, values, names, blocks)


OURS = features(notes=tuple(f"note {i}" for i in range(N)), cxr=tuple(f"film {i}" for i in range(N)))
THEIRS = features(("a", "b", "c"), {"demographics": (0, 1), "radiology_notes": (1, 2), "lab": (2, 3)})
ROWS = SplitRows(
    ids=list(OURS.sample_ids),
    labels=(np.arange(N) % 3 == 0).astype(np.int8),
    subjects=np.arange(N) // 2,
    train=np.arange(0, 40),
    validation=np.arange(40, 50),
    test=np.arange(50, 60),
)


def other(word):
    return lambda: {"notes": tuple(f"{word} {i}" for i in range(N)), "cxr": ("",) * N}


MADE = Split(ROWS, OURS, lambda: THEIRS, lambda: THEIRS, other("evidence"), other("newest"), FusionSettings(), seed=3)


def test_every_name_stands_for_something_that_can_be_fitted():
    for name in FITTED:
        plan = MADE.plan(name)
        assert plan.features.values.shape == (N, len(plan.features.names))
        assert sorted(end - start for start, end in plan.features.blocks.values()) == sorted(
            {
                block: (plan.features.blocks[block][1] - plan.features.blocks[block][0])
                for block in plan.features.blocks
            }.values()
        )
        assert sum(end - start for start, end in plan.features.blocks.values()) == len(plan.features.names)
        assert set(plan.train) <= set(ROWS.train)


@pytest.mark.parametrize(
    "block", ["notes", "cxr", "tabular", "time_series", "concepts", "earlier_films", "image", "earlier_image"]
)
def test_without_and_only_are_two_halves(block):
    rest, alone = MADE.plan(f"without_{block}").features, MADE.plan(f"only_{block}").features
    assert {*rest.texts, *rest.blocks} == {*OURS.texts, *OURS.blocks} - {block}
    assert {*alone.texts, *alone.blocks} == {block}
    assert set(rest.names) | set(alone.names) == set(OURS.names)
    for half in (rest, alone):
        for name, column in zip(half.names, half.values.T, strict=True):
            assert np.array_equal(column, OURS.values[:, OURS.names.index(name)])


def test_leaving_out_what_is_not_there_is_no_system():
    bare = replace(MADE, ours=MADE.plan("without_image").features)
    with pytest.raises(DataError, match="there is no block image"):
        bare.plan("without_image")
    assert bare.plan("only_image").features.names == ()


def test_demographics_know_neither_the_clock_nor_the_chart():
    assert MADE.plan("demographics").features.names == ("age, years", "sex: F")


def test_haim_has_its_own_booster_and_no_radiology_where_it_had_none():
    plan = MADE.plan("haim_no_radiology")
    assert plan.features.names == ("a", "c")
    assert (plan.fusion.members, plan.fusion.grid, plan.fine_tune) == (("xgboost:embeddings+values",), "haim", False)
    assert MADE.plan("haim_our_fusion").fusion.members[-1] == "linear:radiology_notes"
    small = Split(
        ROWS, OURS, lambda: THEIRS, lambda: THEIRS, other("e"), other("n"), FusionSettings(grid="small"), seed=3
    )
    assert small.plan("haim").fusion.grid == "small"


def test_ablations_of_steps_one_and_two_read_other_words():
    assert MADE.plan("no_summary").features.texts["notes"][4] == "evidence 4"
    assert "concepts" in MADE.plan("no_summary").features.blocks
    plan = MADE.plan("no_retrieval")
    assert plan.features.texts["notes"][4] == "newest 4"
    assert "concepts" not in plan.features.blocks


def test_permuted_labels_keep_each_part_its_share_and_the_test_part_its_truth():
    labels = MADE.plan("permuted_labels").labels
    assert not np.array_equal(labels[ROWS.train], ROWS.labels[ROWS.train])
    for part in (ROWS.train, ROWS.validation):
        assert labels[part].sum() == ROWS.labels[part].sum()
    assert np.array_equal(labels[ROWS.test], ROWS.labels[ROWS.test])


def test_another_patients_text_comes_from_the_same_part_with_its_concepts():
    plan = MADE.plan("another_patients_text").features
    place = [int(text.split()[1]) for text in plan.texts["notes"]]
    assert place != list(range(N))
    assert [int(text.split()[1]) for text in plan.texts["cxr"]] == place
    assert np.array_equal(plan.values[:, 5:7], OURS.values[place, 5:7])
    assert np.array_equal(plan.values[:, :5], OURS.values[:, :5])
    for part in (ROWS.train, ROWS.validation, ROWS.test):
        assert {place[i] for i in part} == set(part)


def test_a_share_of_train_is_of_subjects_and_grows_by_adding():
    small, large = set(MADE.plan("xhaim_25pct").train), set(MADE.plan("xhaim_50pct").train)
    assert (len(small), len(large)) == (10, 20)
    assert small < large < set(ROWS.train)
    assert not {ROWS.subjects[i] for i in small} & {ROWS.subjects[i] for i in set(ROWS.train) - small}
    assert MADE.plan("haim_25pct").features.names == THEIRS.names
    assert "image" not in MADE.plan("xhaim_25pct").features.blocks  # its reader has learned from all of train


def test_a_name_that_stands_for_nothing_is_refused():
    check_systems(["xhaim", "without_image", "haim_50pct", "llm_only"], FusionSettings())
    for name in ("xhiam", "llm_only_50pct", "without_lungs", "xhaim_0pct", "../x"):
        with pytest.raises(TaskError, match="no system"):
            check_systems([name], FusionSettings())


def test_a_member_that_sees_nothing_or_is_not_there_is_refused_before_the_first_step():
    with pytest.raises(TaskError, match="sees no 'tabluar'"):
        check_systems([], FusionSettings(members=("steps:values", "xgboost:tabluar")))
    with pytest.raises(PrerequisiteError, match="no learner named"):
        check_systems([], FusionSettings(members=("xgbost:values",)))
