"""Figure 2 says in words what it draws, holds hostile names as text, and reads in light and dark."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from xhaim.evaluate.evaluation_figures import standalone
from xhaim.evaluate.judging_tables import score_table, size_table, spread
from xhaim.evaluate.markup import latex, markdown
from xhaim.evaluate.metrics import Unscored
from xhaim.evaluate.ridge_plot import _GRID, Ridge, density, ridge_figure

DIMENSIONS = ("citation", "factuality", "quality")
ANN = Ridge("effusion", "ann", {"citation": {4: 3, 5: 1}, "factuality": {2: 1}, "quality": {}})
JUDGE = Ridge("death", "judge", {"citation": {3: 10}, "factuality": {3: 5, 4: 5}, "quality": {5: 1}})


def test_a_density_has_area_one_and_peaks_at_the_scores() -> None:
    found = density({2: 3, 4: 1})
    assert np.trapezoid(found, _GRID) == pytest.approx(1, abs=0.01)
    assert _GRID[found.argmax()] == pytest.approx(2, abs=0.03)
    assert found[np.abs(_GRID - 2).argmin()] == pytest.approx(3 * found[np.abs(_GRID - 4).argmin()], rel=0.01)
    assert found[np.abs(_GRID - 3).argmin()] < 0.02


def test_the_description_tells_every_mean_to_who_cannot_see() -> None:
    figure = ridge_figure("f", "Scores", [ANN, JUDGE], DIMENSIONS, ("SIMULATED",))
    root = ET.fromstring(str(figure.svg))
    told = {node.tag: node.text for node in root}
    assert root.get("role") == "img"
    assert root.get("aria-describedby") == root[1].get("id")
    assert told["title"] == "SIMULATED · Scores"
    assert told["desc"] == (
        "ann, effusion: citation mean 4.25 of 4 scores, factuality mean 2.00 of 1 scores, quality no scores. "
        "judge, death: citation mean 3.00 of 10 scores, factuality mean 3.50 of 10 scores, "
        "quality mean 5.00 of 1 scores."
    )


def test_it_takes_the_pages_ink_and_no_style_of_its_own() -> None:
    svg = str(ridge_figure("f", "Scores", [ANN], DIMENSIONS, ()).svg)
    assert "currentColor" in svg
    assert "style=" not in svg
    assert svg == ridge_figure("f", "Scores", [ANN], DIMENSIONS, ()).svg


def test_hostile_names_stay_text() -> None:
    bad = Ridge("</svg><script>x</script>", "$\\frac{1}{0}$ & <b>", ANN.scores)
    svg = standalone(ridge_figure("f", "Scores", [bad], DIMENSIONS, ()))
    root = ET.fromstring(str(svg))
    assert not [node for node in root.iter() if node.tag.endswith("script")]
    assert "<script>" in " ".join("".join(node.itertext()) for node in root.iter())


def test_a_row_without_scores_is_noted_and_no_scores_are_no_figure() -> None:
    empty = Ridge("death", "bob", {})
    assert ridge_figure("f", "Scores", [ANN, empty], DIMENSIONS, ()).notes == ("bob, death: no scores",)
    none = ridge_figure("f", "Scores", [empty], DIMENSIONS, ())
    assert (none.svg, standalone(none)) == (None, None)


def test_means_are_told_with_their_deviation_or_the_reason() -> None:
    assert spread(4.26, 0.686) == "4.26 ± 0.69"
    assert spread(4.0, None) == "4.00"
    assert spread(Unscored("nobody"), None) == "not computed: nobody"
    rows = [{"task": "t", "rater": "a|b", "quality": 4.26, "quality_sd": 0.69, "quality_n": 50}]
    table = score_table("table-3", "Table 3", ["quality"], rows, ("SIMULATED",))
    assert "| t | a\\|b | 4.26 ± 0.69 | 50 |" in markdown(table.grid)
    assert r"4.26 $\pm$ 0.69" in latex(table.grid)
    assert table.frame.select("quality", "quality_sd", "quality_n").row(0) == (4.26, 0.69, 50)


def test_the_width_that_sizes_are_for_is_said() -> None:
    assert "0.25 wide" in size_table([], 0.25, ()).caption
