"""The tables in words: one wording for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from xhaim.evaluate.compare import Estimate
from xhaim.evaluate.header import RunHeader, stamps
from xhaim.evaluate.metrics import Unscored
from xhaim.evaluate.names import model_words
from xhaim.evaluate.tables import DifferenceRow, Table1Row, Table2Row, Tables
from xhaim.evaluate.wording import MINUS

POLICY_WORDS = {
    "admissible": "all text known before the prediction",
    "none": "no radiology text",
    "prior_only": "reports of earlier studies only",
    "prior_plus_indication": "earlier reports, and this study's indication",
    "index_included": "this study's own report included: LEAKY",
}
"""What a report policy lets a model read."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table in words."""

    key: str
    stamps: tuple[str, ...]
    """SIMULATED, LEAKY: shown before the caption."""
    caption: str
    columns: tuple[str, ...]
    body: tuple[tuple[str, ...], ...]
    """Rows of as many cells as there are columns; the first names the row."""
    notes: tuple[str, ...]

    @property
    def spans(self) -> tuple[int, ...]:
        """How many rows the name of each row stands for: 0 where it goes on with the name above."""
        names = [row[0] for row in self.body]
        groups = [len(list(group)) for _, group in groupby(names)]
        return tuple(count for size in groups for count in (size, *[0] * (size - 1)))


def grids(tables: Tables, header: RunHeader) -> tuple[Grid, ...]:
    """Return every table in words, each stamped with what a reader of its numbers must know."""
    return (
        _grid_1(tables.table_1, header),
        _grid_2(tables.table_2, header),
        _grid_differences(tables.differences, header),
    )


def print_tables(console: Console, shown: Sequence[Grid]) -> None:
    """Print every table, one for each task where a task has several rows; cells are data and never read as markup."""
    for grid in shown:
        for group in _groups(grid):
            _print_group(console, grid, group)
        for note in grid.notes:
            console.print(Text(f"  {note}", style="dim"))


def _groups(grid: Grid) -> list[tuple[tuple[str, ...], ...]]:
    """Rows that share their first cell; where no row shares it, all rows are one group."""
    if all(span == 1 for span in grid.spans):
        return [grid.body] if grid.body else []
    return [tuple(rows) for _, rows in groupby(grid.body, key=lambda row: row[0])]


def _print_group(console: Console, grid: Grid, rows: tuple[tuple[str, ...], ...]) -> None:
    """A group of several rows: what all of them share goes into the title, so that the rest fits a narrow terminal."""
    grouped = len(rows) > 1 and len({row[0] for row in rows}) == 1
    shared = [
        grouped and len({row[place] for row in rows}) == 1 and bool(rows[0][place])
        for place in range(len(grid.columns))
    ]
    named = [
        cell if place == 0 else f"{grid.columns[place].lower()} {cell}"
        for place, cell in enumerate(rows[0])
        if shared[place]
    ]
    title = Text(" · ".join([stamped(grid.stamps, grid.caption), *named]))
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    kept = [place for place in range(len(grid.columns)) if not shared[place]]
    for place in kept:
        shown.add_column(Text(grid.columns[place]), justify="left" if place == kept[0] else "right", overflow="fold")
    reasons: dict[str, None] = {}
    for row in rows:
        cells = []
        for place in kept:
            head, colon, _ = row[place].partition(": ")
            unscored = colon and head == "not computed"
            reasons |= {row[place]: None} if unscored else {}
            cells.append(Text("-" if unscored else row[place]))
        shown.add_row(*cells)
    console.print(shown)
    for reason in reasons:
        console.print(Text(f"  - {reason}", style="dim"))


def stamped(marks: tuple[str, ...], caption: str) -> str:
    """Return a caption with its stamps before it: ``SIMULATED · LEAKY · Table 2 ...``."""
    return " · ".join((*marks, caption))


def estimate_words(value: Estimate | Unscored | None, digits: int = 3) -> str:
    """Return ``0.842 ± 0.012``, how many splits were scored where not all were, or why there is none."""
    if value is None:
        return "not known"
    if isinstance(value, Unscored):
        return str(value)
    spread = f" ± {value.se:.{digits}f}" if value.se is not None else " (one split)"
    partly = f" [{value.splits} of {value.of} splits]" if value.splits < value.of else ""
    return f"{value.mean:.{digits}f}{spread}{partly}"


def _grid_1(rows: Sequence[Table1Row], header: RunHeader) -> Grid:
    """Tasks are columns, so that one reason is one line."""
    lines: dict[tuple[str, str], list[str]] = {}
    for place, row in enumerate(rows):
        for item in row.steps:
            line = lines.setdefault((item.step, item.reason), [""] * len(rows))
            line[place] = f"{MINUS if item.lost and item.n else ''}{item.n:,}"
    names = [reason for _, reason in lines]
    labels = [f"{reason} ({step})" if names.count(reason) > 1 else reason for step, reason in lines]
    body = [(label, *cells) for label, cells in zip(labels, lines.values(), strict=True)]
    unbalanced = [row.title for row in rows if not row.balanced]
    return Grid(
        key="table-1",
        stamps=stamps(header, tuple(row.task_id for row in rows)),
        caption="Table 1. Samples of each task, and who was left out for which reason",
        columns=("", *(row.title for row in rows)),
        body=(
            *body,
            ("subjects", *(f"{row.subjects:,}" if row.labelled else "nobody" for row in rows)),
            ("positives", *(_share(row.positives, row.labelled) for row in rows)),
            ("report policy", *(row.policy or "not said" for row in rows)),
        ),
        notes=tuple(f"{title}: the numbers left out do not add up to those kept." for title in unbalanced),
    )


def _grid_2(rows: Sequence[Table2Row], header: RunHeader) -> Grid:
    truth_known = any(row.best is not None for row in rows)
    columns = ("Task", "Model", "AUC", *(("Best possible",) if truth_known else ()), "AUPRC", "Brier")
    body = tuple(
        (
            _task_words(row.title, row.policy, row.leaky),
            model_words(row.model, leaky=row.leaky),
            estimate_words(row.auc),
            *((estimate_words(row.best),) if truth_known else ()),
            estimate_words(row.auprc),
            estimate_words(row.brier),
            estimate_words(row.slope, 2),
        )
        for row in rows
    )
    best = ("Best possible: the AUC of the latent probability behind the simulation, on the same rows.",)
    return Grid(
        key="table-2",
        stamps=stamps(header, tuple(row.task_id for row in rows)),
        caption="Table 2. Every model on the same test rows",
        columns=(*columns, "Slope"),
        body=body,
        notes=(
            "Mean ± standard error over the splits. AUC and AUPRC of the raw score; Brier and calibration slope "
            "(ideal: 1) of the calibrated risk. Permuted labels should give an AUC near 0.5.",
            *_policy_notes(rows),
            *(best if truth_known else ()),
        ),
    )


def _grid_differences(rows: Sequence[DifferenceRow], header: RunHeader) -> Grid:
    return Grid(
        key="differences",
        stamps=stamps(header, tuple(row.task_id for row in rows)),
        caption="Differences. AUC on the same test rows",
        columns=("Task", "Compared", "Difference", "95 % interval", "Reading", "Rows", "Subjects"),
        body=tuple(_difference_cells(row) for row in rows),
        notes=("Bootstrap of subjects, 95 % percentiles; the difference is averaged over the splits.",),
    )


def _difference_cells(row: DifferenceRow) -> tuple[str, ...]:
    title = _task_words(row.title, row.policy, row.leaky)
    pair = f"{model_words(row.model, leaky=row.leaky)} {MINUS} {model_words(row.other, leaky=row.leaky)}"
    found = row.difference
    if isinstance(found, Unscored):
        return (title, pair, str(found), "", "", "", "")
    counts = (f"{found.rows:,}", f"{found.subjects:,}")
    value = f"{found.mean:+.3f}".replace("-", MINUS)
    if isinstance(found.interval, Unscored):
        return (title, pair, value, str(found.interval), "", *counts)
    low, high = found.interval
    reading = "higher" if low > 0 else "lower" if high < 0 else "not resolved"
    return (title, pair, value, f"{low:+.3f} to {high:+.3f}".replace("-", MINUS), reading, *counts)


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({100 * part / whole:.1f} %)" if whole else "nobody"


def _task_words(title: str, policy: str | None, leaky: bool) -> str:
    """The report policy stands beside every number, and the stamp with it."""
    return f"{title} [{policy or 'policy not said'}{' · LEAKY' if leaky else ''}]"


def _policy_notes(rows: Sequence[Table2Row]) -> tuple[str, ...]:
    """Say once what each policy in brackets lets a model read."""
    used = dict.fromkeys(row.policy for row in rows if row.policy)
    return tuple(f"[{policy}]: {POLICY_WORDS[policy]}." for policy in used)
