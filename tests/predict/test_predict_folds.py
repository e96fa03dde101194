import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.predict.folds import grouped_folds

rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12)), min_size=1, max_size=60)


@settings(max_examples=200, deadline=None)
@given(rows, st.integers(2, 6), st.integers(0, 3), st.randoms())
def test_folds_keep_subjects_whole_and_hold_both_outcomes_for_any_row_order(data, k, seed, random):
    labels, subjects = np.array([a for a, _ in data], np.int8), np.array([b for _, b in data], np.int64)
    folds = grouped_folds(labels, subjects, k, seed)
    for subject in np.unique(subjects):
        assert len(np.unique(folds[subjects == subject])) == 1
    used = np.unique(folds)
    assert used.tolist() == list(range(len(used)))
    assert len(used) <= k
    if len(used) > 1:
        for fold in used:
            assert set(labels[folds == fold]) == {0, 1}
    order = list(range(len(data)))
    random.shuffle(order)
    assert (grouped_folds(labels[order], subjects[order], k, seed) == folds[order]).all()


def test_folds_are_even_and_depend_on_the_seed():
    generator = np.random.default_rng(0)
    subjects = np.repeat(np.arange(100), 2)
    labels = (generator.random(200) < 0.3).astype(np.int8)
    folds = grouped_folds(labels, subjects, 5, 0)
    positives = np.bincount(folds, weights=labels)
    assert positives.max() - positives.min() <= 2
    assert np.ptp(np.bincount(folds)) <= 4
    assert (folds != grouped_folds(labels, subjects, 5, 1)).any()


def test_one_positive_subject_cannot_be_split():
    assert grouped_folds(np.array([1, 1, 0, 0]), np.array([7, 7, 8, 9]), 5, 0).tolist() == [0, 0, 0, 0]
