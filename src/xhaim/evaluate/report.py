"""The report: one HTML file that asks no other host for anything and works from a disk, without JavaScript too."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from xhaim.evaluate.figures import Figure
from xhaim.evaluate.grids import POLICY_WORDS, Grid
from xhaim.evaluate.header import RunHeader, is_leaky
from xhaim.evaluate.page import samples
from xhaim.evaluate.signal_plot import HEIGHT, WIDTH
from xhaim.evaluate.wording import visible
from xhaim.records import Explanation, Record, Summary
from xhaim.task import Task


def render(
    header: RunHeader,
    tasks: Sequence[Task],
    shown: Sequence[Grid],
    figures: Sequence[Figure],
    explanations: Sequence[Explanation],
    records: Mapping[str, Record],
    summaries: Mapping[tuple[str, str], Sequence[Summary]],
) -> str:
    """Return the page.

    ``shown``: the tables in their order (``grids.grids``, ``data_grids.data_grids``). ``records``: sample id -> what
    its explanations cite. ``summaries``: (sample id, task id) -> summaries shown with the explanation; may be empty.
    All text from a chart is escaped and its invisible characters are written out; the page's content security policy
    runs our own script and style alone, by their hashes.

    Raises DataError where an explanation cites what its record does not hold.
    """
    pages = templates()
    style, script = (asset(pages, name) for name in ("report.css", "report.js"))
    return pages.get_template("report.html.j2").render(
        header=header,
        tasks=tasks,
        policies=[(task.title, POLICY_WORDS.get(header.report_policy.get(task.id, ""), "not said")) for task in tasks],
        leaky=any(is_leaky(header, task.id) for task in tasks),
        grids=shown,
        figures=[(figure, Markup(figure.svg or "")) for figure in figures],  # noqa: S704  (drawn by svg.py, escaped there)
        samples=samples(header, tasks, explanations, records, summaries),
        plot=(WIDTH, HEIGHT),
        style=style,
        script=script,
        policy=(
            f"default-src 'none'; style-src '{digest(style)}'; script-src '{digest(script)}'; img-src data:; "
            "base-uri 'none'; form-action 'none'"
        ),
    )


@cache
def templates() -> Environment:
    """Every value is made visible and then escaped: neither can be forgotten in a template."""
    return Environment(
        loader=PackageLoader("xhaim.evaluate"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def asset(pages: Environment, name: str) -> Markup:
    """Return a file of ours that stands inside a page: its style or its script."""
    assert pages.loader is not None  # noqa: S101  (for the type checker)
    source, _, _ = pages.loader.get_source(pages, name)
    return Markup(source)  # noqa: S704  (our own file)


def digest(text: str) -> str:
    """Return the CSP source of an inline element with exactly this text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
