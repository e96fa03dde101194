"""Tables 3 and 4 of the paper, and what stands behind them: agreement, bias, discrimination, calibration, sizes.

Rows come as they were computed (``run.agreement``); here are their headings, captions and notes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xhaim.evaluate.typed_table import Cell, Column, Table, number, words

Row = Mapping[str, Cell]

_TASK = Column("Task", "task", words)
_DIMENSION = Column("Dimension", "dimension", words, once=True)
_95 = "95 % interval"
_BOOTSTRAP = "Intervals: 95 % percentiles of a bootstrap of subjects. Not computed: undefined, for the reason given."


def spread(mean: Cell, sd: Cell) -> str:
    """Return ``4.26 ± 0.69`` of a mean and its standard deviation; a mean alone; or why there is none."""
    return f"{mean:.2f} ± {sd:.2f}" if isinstance(mean, float) and isinstance(sd, float) else number(2)(mean)


def score_table(
    key: str, caption: str, dimensions: Sequence[str], rows: Sequence[Row], stamps: tuple[str, ...]
) -> Table:
    """Return mean ± SD of every dimension, one row for each task and rater: Table 3 and Table 4.

    Of a row's dimension ``d``: ``d`` is the mean or ``Unscored``, ``d_sd`` its deviation, ``d_n`` how many scores.
    """
    shown = [
        column
        for name in dimensions
        for column in (Column(name.capitalize(), f"{name}_shown", words), Column(f"n, {name}", f"{name}_n", words))
    ]
    told = [row | {f"{d}_shown": spread(row.get(d), row.get(f"{d}_sd")) for d in dimensions} for row in map(dict, rows)]
    return Table(
        key,
        stamps,
        caption,
        (_TASK, Column("Evaluator", "rater", words), *shown),
        tuple(told),
        ("Mean ± standard deviation of the scores, 1 to 5; n: scores given, an item without one is not counted.",),
    )


def pair_table(rows: Sequence[Row], stamps: tuple[str, ...]) -> Table:
    """Return the agreement of any two raters: kappa, Spearman and Kendall."""
    return _agreement(
        "agreement",
        "Agreement of two evaluators",
        {"kappa": "Weighted kappa", "spearman": "Spearman", "kendall": "Kendall tau-b"},
        rows,
        stamps,
        (
            "Weighted kappa: quadratic weights; against the mean of people it is Lin's concordance, the same formula.",
            _BOOTSTRAP,
        ),
    )


def reliability_table(rows: Sequence[Row], stamps: tuple[str, ...]) -> Table:
    """Return the reliability of two or more raters: intraclass correlations and Krippendorff's alpha."""
    return _agreement(
        "reliability",
        "Reliability of evaluators",
        {
            "icc_single": "ICC(2,1)",
            "icc_mean": "ICC(2,k)",
            "alpha_ordinal": "Alpha, ordinal",
            "alpha_interval": "Alpha, interval",
        },
        rows,
        stamps,
        (
            "ICC: two-way random effects, absolute agreement; of one evaluator, and of the mean of all those named.",
            "Alpha: Krippendorff's; it also uses items that not all of them scored.",
            _BOOTSTRAP,
        ),
    )


def _agreement(
    key: str,
    caption: str,
    statistics: Mapping[str, str],
    rows: Sequence[Row],
    stamps: tuple[str, ...],
    notes: tuple[str, ...],
) -> Table:
    first = (_TASK, _DIMENSION, Column("Evaluators", "raters", words), Column("Items", "items", words))
    return Table(key, stamps, caption, (*first, *_with_intervals(statistics)), tuple(rows), notes)


def _with_intervals(statistics: Mapping[str, str]) -> list[Column]:
    """Return two columns for each statistic, name -> heading: its value and its interval."""
    return [
        column
        for name, heading in statistics.items()
        for column in (Column(heading, name, number(2)), Column(_95, f"{name}_interval", number(2)))
    ]


def bias_table(rows: Sequence[Row], stamps: tuple[str, ...]) -> Table:
    """Return how far a judge lies above people, at each level that people give."""
    return Table(
        "bias",
        stamps,
        "Bias of judges by the score that people give",
        (
            _TASK,
            _DIMENSION,
            Column("Judge", "judge", words, once=True),
            Column("People's score", "level", words),
            Column("Items", "items", words),
            Column("Judge less people", "difference", number(2, signed=True)),
            Column(_95, "difference_interval", number(2, signed=True)),
        ),
        tuple(rows),
        (
            "People's score: their mean, rounded half up. Above 0 at low levels and below 0 at high ones: the judge "
            "uses less of the scale than people do.",
            _BOOTSTRAP,
        ),
    )


def discrimination_table(rows: Sequence[Row], stamps: tuple[str, ...]) -> Table:
    """Return which evaluators and dimensions tell explanations apart: a two-parameter logistic model."""
    return Table(
        "discrimination",
        stamps,
        "Item response: which evaluators and dimensions discriminate",
        (
            _TASK,
            Column("Evaluator", "rater", words, once=True),
            Column("Dimension", "dimension", words),
            Column("Items", "items", words),
            Column("Score of 4 or more", "met", number(2)),
            Column("Discrimination", "discrimination", number(2)),
            Column(_95, "discrimination_interval", number(2)),
            Column("Difficulty", "difficulty", number(2)),
            Column("Discriminates", "verdict", words),
        ),
        tuple(rows),
        (
            "2PL on scores of at least 4: every evaluator in every dimension is a question about one latent quality of "
            "the explanation, a priori N(0, 1); discrimination a priori N(1, 1). It discriminates where the whole "
            "interval lies above 0. Dimensions that one evaluator scores in one sitting depend on each other beyond "
            "quality, which makes them look more discriminating than they are.",
        ),
    )


def calibration_table(rows: Sequence[Row], stamps: tuple[str, ...]) -> Table:
    """Return what a monotone map from judge to people, fitted on one half, changes on the other."""
    shown = {"error": "Mean error", "bias": "Bias", "kappa": "Weighted kappa", "spearman": "Spearman"}
    return Table(
        "calibration-to-people",
        stamps,
        "Calibration of judges to people, on the half that the map was not fitted to",
        (
            _TASK,
            _DIMENSION,
            Column("Judge", "judge", words, once=True),
            Column("Scores", "when", words),
            Column("Items", "items", words),
            *_with_intervals(shown),
        ),
        tuple(rows),
        (
            "An isotonic map from the judge's score to the mean of people's, fitted on the half of the subjects that a "
            "hash of their names draws. A map cannot reverse an order, so Spearman changes by ties alone.",
            _BOOTSTRAP,
        ),
    )


def size_table(rows: Sequence[Row], width: float, stamps: tuple[str, ...]) -> Table:
    """Return how many items a wanted interval asks for."""
    return Table(
        "sample-size",
        stamps,
        f"Explanations to score for a 95 % interval {width:g} wide from end to end",
        (
            _TASK,
            _DIMENSION,
            Column("Of what", "what", words),
            Column("Found", "value", number(2)),
            Column("Items now", "items", words),
            Column("Width now", "now", number(2)),
            Column("Items needed", "needed", words),
        ),
        tuple(rows),
        (
            "A mean: from the standard deviation. ICC(2,1): Bonett (2002). Others: widths fall by the root of the "
            "number of items.",
        ),
    )
