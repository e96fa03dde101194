"""Scores as tables: means, who is compared with whom, bias by level, the same for any order of rows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xhaim.judge.agreement_rows import ALL_TASKS, PEOPLE, SCORES_SCHEMA, biases, comparisons, means, sheets
from xhaim.judge.agreement_sizes import sizes

PERSON = {"ann": [2, 3, 4, 5, 3, 4], "bob": [2, 3, 5, 5, 4, None]}
JUDGE = {"critic": [3, 3, 4, 4, 3, 4]}


def frame(task: str = "one") -> pl.DataFrame:
    rows = [
        (task, f"s{place}", f"g{place}", kind, rater, "quality", score)
        for kind, raters in (("person", PERSON), ("judge", JUDGE))
        for rater, given in raters.items()
        for place, score in enumerate(given)
    ]
    return pl.DataFrame(rows, schema=SCORES_SCHEMA, orient="row")


def test_means_and_deviations_by_hand_people_first() -> None:
    ann, bob, critic = means(frame())
    assert (ann.rater, ann.n, ann.missing, ann.mean) == ("ann", 6, 0, 3.5)
    assert ann.sd == pytest.approx(np.std(PERSON["ann"], ddof=1))
    assert (bob.rater, bob.n, bob.missing, bob.mean) == ("bob", 5, 1, 3.8)
    assert (critic.rater, critic.kind) == ("critic", "judge")


def test_everybody_is_compared_with_everybody_and_the_judge_with_peoples_mean() -> None:
    (sheet,) = sheets(frame(), resamples=50)
    assert [(one.kind, one.raters) for one in comparisons(sheet)] == [
        ("person and person", ("ann", "bob")),
        ("judge and person", ("critic", "ann")),
        ("judge and person", ("critic", "bob")),
        ("judge and mean of people", ("critic", PEOPLE)),
    ]
    assert sheet.mean_of_people.tolist() == [2, 3, 4.5, 5, 3.5, 4]


def test_bias_by_level_by_hand() -> None:
    (sheet,) = sheets(frame(), resamples=50)
    found = {one.level: (one.difference.value, one.difference.items) for one in biases(sheet)}
    # people: 2, 3, 4.5, 5, 3.5, 4; judge: 3, 3, 4, 4, 3, 4; halves are rounded up
    assert found == {
        None: (pytest.approx(-1 / 6), 6),
        2: (1, 1),
        3: (0, 1),
        4: (pytest.approx(-0.25), 2),
        5: (pytest.approx(-0.75), 2),
    }


def test_several_tasks_are_also_taken_together() -> None:
    both = pl.concat([frame("one"), frame("two")])
    found = list(sheets(both, resamples=20))
    assert [sheet.task_id for sheet in found] == ["one", "two", ALL_TASKS]
    assert len(found[2].groups) == 12
    assert found[2].people["ann"].tolist() == PERSON["ann"] * 2
    assert len(set(map(tuple, found[2].times[:, [0, 6]].tolist()))) > 1
    assert (found[2].times[:, 0] == found[2].times[:, 6]).all()  # g0 of both tasks is one subject


def test_any_order_of_rows_gives_the_same() -> None:
    both = pl.concat([frame("one"), frame("two")])
    first, second = (
        [one for sheet in sheets(given, resamples=50) for one in (*comparisons(sheet), *biases(sheet))]
        for given in (both, both.sample(fraction=1.0, shuffle=True, seed=1))
    )
    assert first == second
    assert means(both) == means(both.reverse())


def test_an_item_that_only_some_scored_keeps_its_place() -> None:
    (sheet,) = sheets(frame().filter((pl.col("rater") != "bob") | (pl.col("sample_id") != "s1")), resamples=20)
    assert np.isnan(sheet.people["bob"][[1, 5]]).all()
    assert sheet.people["bob"][2] == 5


def test_sizes_are_planned_from_what_was_found() -> None:
    (sheet,) = sheets(frame(), resamples=100)
    found = sizes([sheet], comparisons(sheet), width=0.5)
    by_name = {one.what: one for one in found}
    sd = np.std(PERSON["ann"], ddof=1)
    assert by_name["mean of ann"].needed == int(np.ceil((2 * 1.959964 * sd / 0.5) ** 2))
    assert "ICC(2,1) of ann, bob" in by_name
    assert all(one.needed >= 2 and one.task_id == "one" for one in found)


def test_three_people_are_also_taken_together_and_two_judges_with_each_other() -> None:
    more = [("one", f"s{n}", f"g{n}", kind, rater, "quality", 1 + n % 5)
            for n in range(6) for kind, rater in (("person", "eve"), ("judge", "model"))]  # fmt: skip
    (sheet,) = sheets(pl.concat([frame(), pl.DataFrame(more, schema=SCORES_SCHEMA, orient="row")]), resamples=20)
    kinds = [(one.kind, one.raters) for one in comparisons(sheet)]
    assert ("all people", ("ann", "bob", "eve")) in kinds
    assert ("judge and judge", ("critic", "model")) in kinds
    together = next(one for one in comparisons(sheet) if one.kind == "all people")
    assert set(together.found) == {"icc_single", "icc_mean", "alpha_ordinal", "alpha_interval"}


@given(
    st.lists(st.tuples(*[st.none() | st.integers(1, 5)] * 3, st.sampled_from(["g", "h", "i"])), min_size=1, max_size=12)
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_scored_every_number_has_its_place_and_every_gap_its_reason(items) -> None:
    raters = (("person", "ann"), ("person", "bob"), ("judge", "critic"))
    rows = [
        ("t", f"s{place:02}", item[3], kind, rater, "quality", score)
        for place, item in enumerate(items)
        for (kind, rater), score in zip(raters, item[:3], strict=True)
    ]
    (sheet,) = sheets(pl.DataFrame(rows, schema=SCORES_SCHEMA, orient="row"), resamples=20)
    found = comparisons(sheet)
    assert len(found) == 4
    for estimate in [one for pair in found for one in pair.found.values()]:
        assert (estimate.value is None) <= (estimate.reason is not None)
        if estimate.value is not None:
            assert -np.inf < estimate.value <= 1 + 1e-9
    for one in biases(sheet):
        assert one.difference.value is None or -4 <= one.difference.value <= 4
