"""DeLong's variance and test: by hand, against the plain quadratic definition, and beside the bootstrap."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from xhaim.evaluate.bootstrap import percentiles, rank_auc, resampled
from xhaim.evaluate.compare import Paired
from xhaim.evaluate.delong import auc_error, delong, holm, placements
from xhaim.evaluate.metrics import Unscored


def part(labels, raw, other=None, subjects=None):
    n = len(labels)
    return pl.DataFrame(
        {
            "subject_id": list(range(n)) if subjects is None else subjects,
            "label": list(labels),
            "raw": [float(x) for x in raw],
            "other": [float(x) for x in (other if other is not None else raw)],
        }
    )


def paired(*parts):
    return Paired(tuple(parts), len(parts))


def plain_placements(labels, scores):
    """The definition: every positive beside every negative."""
    found = []
    for y, s in zip(labels, scores, strict=True):
        others = [t for z, t in zip(labels, scores, strict=True) if z != y]
        right = [(s > t) + 0.5 * (s == t) if y else (s < t) + 0.5 * (s == t) for t in others]
        found.append(sum(right) / len(right))
    return np.array(found)


def plain_delong(labels, first, second):
    """DeLong, DeLong and Clarke-Pearson 1988, row by row."""
    labels = np.asarray(labels)
    a, b = plain_placements(labels, first), plain_placements(labels, second)
    variance = 0.0
    for outcome in (0, 1):
        mine = labels == outcome
        s = np.cov(a[mine], b[mine])
        variance += (s[0, 0] + s[1, 1] - 2 * s[0, 1]) / mine.sum()
    return a[labels == 1].mean() - b[labels == 1].mean(), np.sqrt(variance)


def plain_obuchowski(labels, first, second, who):
    """Obuchowski 1997, equations for two correlated areas of clustered data, patient by patient."""
    labels, who = np.asarray(labels), np.asarray(who)
    added = plain_placements(labels, first) - plain_placements(labels, second)
    m, n = int((labels == 1).sum()), int((labels == 0).sum())
    theta = added[labels == 1].mean()
    s10 = s01 = s11 = 0.0
    diseased, healthy, everybody = set(who[labels == 1]), set(who[labels == 0]), set(who)
    for one in everybody:
        x, y = added[(who == one) & (labels == 1)], added[(who == one) & (labels == 0)]
        a, b = x.sum() - x.size * theta, y.sum() - y.size * theta
        s10, s01, s11 = s10 + a * a, s01 + b * b, s11 + a * b
    s10 *= len(diseased) / ((len(diseased) - 1) * m)
    s01 *= len(healthy) / ((len(healthy) - 1) * n)
    s11 *= len(everybody) / (len(everybody) - 1)
    return theta, np.sqrt(max(s10 / m + s01 / n + 2 * s11 / (m * n), 0.0))


rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(0, 6), st.integers(0, 8)), min_size=6, max_size=40
).filter(lambda found: 3 <= sum(y for y, *_ in found) <= len(found) - 3)


@settings(max_examples=30, deadline=None)
@given(rows)
def test_placements_are_those_of_the_definition_and_their_mean_is_the_auc(found):
    labels, scores = np.array([y for y, *_ in found]), np.array([s for _, s, *_ in found], dtype=float)
    quick = placements(labels, scores)
    assert quick == pytest.approx(plain_placements(labels, scores))
    area = roc_auc_score(labels, scores)
    assert [quick[labels == outcome].mean() for outcome in (0, 1)] == pytest.approx([area, area])


@settings(max_examples=30, deadline=None)
@given(rows)
def test_one_row_of_each_patient_is_delongs_own_test(found):
    labels, first, second, _ = (np.array(column, dtype=float) for column in zip(*found, strict=True))
    difference, se = plain_delong(labels, first, second)
    ours = delong(paired(part(labels.astype(int), first, second)))
    assert (ours.mean, ours.se) == pytest.approx((difference, se), abs=1e-12)
    if se > 1e-9:
        assert ours.p == pytest.approx(2 * norm.sf(abs(difference) / se))
        assert ours.interval == pytest.approx((difference - 1.959964 * se, difference + 1.959964 * se), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(rows)
def test_rows_of_one_patient_are_obuchowskis_clusters(found):
    labels, first, second, who = (list(column) for column in zip(*found, strict=True))
    ours = delong(paired(part(labels, first, second, who)))
    if isinstance(ours, Unscored):
        assert 1 in (len({w for y, *_, w in found if y}), len({w for y, *_, w in found if not y}))
    else:
        assert (ours.mean, ours.se) == pytest.approx(plain_obuchowski(labels, first, second, who), abs=1e-7)


@settings(max_examples=30, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_it_is_symmetric_and_knows_neither_row_order_nor_scale(found, random):
    labels, first, second, who = (list(column) for column in zip(*found, strict=True))
    one = delong(paired(part(labels, first, second, who)))
    shuffled = list(found)
    random.shuffle(shuffled)
    y, a, b, w = (list(column) for column in zip(*shuffled, strict=True))
    back = delong(paired(part(y, [np.exp(x) for x in b], [3 * x - 7 for x in a], w)))
    if isinstance(one, Unscored):
        assert back == one
        return
    assert (back.mean, back.se) == pytest.approx((-one.mean, one.se), abs=1e-9)
    if not isinstance(one.p, Unscored) and one.se > 1e-6:
        assert back.p == pytest.approx(one.p)


def test_by_hand():
    # positives 3, 1; negatives 2, 0: placements of the positives 1 and 1/2, of the negatives 1/2 and 1; AUC 3/4
    found = auc_error([part([1, 1, 0, 0], [3, 1, 2, 0])])
    assert found.mean == 0.75
    assert found.se == pytest.approx(np.sqrt(0.125 / 2 + 0.125 / 2))  # sample variance 1/8 in each class
    assert found.p == pytest.approx(2 * norm.sf(0.25 / 0.353553), abs=1e-6)


def test_two_equal_models_have_no_p_but_a_reason():
    found = delong(paired(part([1, 1, 0, 0, 1, 0], [3, 1, 2, 0, 5, 4], [9, 4, 6, 1, 80, 11])))
    assert (found.mean, found.se) == (0, 0)
    assert found.p == Unscored("both rank every pair alike")


def test_what_varies_with_no_patient_has_no_p_but_a_reason():
    found = delong(paired(part([1, 1, 0, 0], [3, 4, 2, 1], [0, 0, 0, 0])))
    assert (found.mean, found.p) == (0.5, Unscored("no variation between patients"))


def test_positives_of_one_patient_alone_have_no_variance():
    found = auc_error([part([1, 1, 0, 0], [3, 1, 2, 0], subjects=[7, 7, 8, 9])])
    assert found == Unscored("all positives are of one subject")


def clustered(seed, subjects=150, rows_each=3):
    """Rows of one subject share most of what decides score and label."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(subjects), rows_each)
    shared = rng.normal(size=subjects)[who]
    labels = (shared + 0.5 * rng.normal(size=who.size) > 0.6).astype(int)
    first = shared + 1.2 * rng.normal(size=subjects)[who] + 0.2 * rng.normal(size=who.size)
    second = shared + 2.0 * rng.normal(size=subjects)[who] + 0.2 * rng.normal(size=who.size)
    return labels, first, second, who


@pytest.mark.parametrize("splits", [1, 3])
def test_with_clusters_and_overlapping_splits_it_agrees_with_the_bootstrap_of_patients(splits):
    labels, first, second, who = clustered(1)
    rng = np.random.default_rng(2)
    parts = []
    for _ in range(splits):
        mine = np.isin(who, rng.choice(150, 90, replace=False))
        parts.append(part(labels[mine], first[mine], second[mine], who[mine]))

    def difference(rows, weights):
        y = rows["label"].to_numpy()
        return rank_auc(y, rows["raw"].to_numpy(), weights) - rank_auc(y, rows["other"].to_numpy(), weights)

    drawn = resampled(parts, difference, 2000, 3)
    ours = delong(paired(*parts))
    assert ours.se == pytest.approx(drawn.std(), rel=0.1)
    assert ours.interval == pytest.approx(percentiles(drawn), abs=0.02)
    naive = delong(paired(*[rows.with_columns(subject_id=pl.int_range(rows.height)) for rows in parts]))
    assert ours.se > 1.3 * naive.se if splits == 1 else ours.se > naive.se


def test_the_same_split_twice_is_no_surer_than_once():
    labels, first, second, who = clustered(4)
    rows = part(labels, first, second, who)
    once, twice = delong(paired(rows)), delong(paired(rows, rows))
    assert (twice.mean, twice.se) == pytest.approx((once.mean, once.se))


def test_holm_by_hand_keeps_reasons():
    reason = Unscored("no difference")
    assert holm([0.01, reason, 0.04, 0.03, 0.6]) == pytest.approx([0.04, reason, 0.09, 0.09, 0.6])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
