"""The evaluation as one HTML page: its tables and figures, with nothing from another host and no script."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from xhaim.evaluate.figures import Figure
from xhaim.evaluate.grids import Grid
from xhaim.evaluate.report import asset, digest, templates


def evaluation_page(
    title: str, stamps: Sequence[str], grids: Sequence[Grid], figures: Sequence[Figure], notes: Sequence[str] = ()
) -> str:
    """Return the page. All text is escaped and its invisible characters are written out, as in the report."""
    pages = templates()
    style = asset(pages, "report.css")
    return pages.get_template("evaluation.html.j2").render(
        title=title,
        stamps=tuple(stamps),
        grids=grids,
        figures=[(figure, Markup(figure.svg or "")) for figure in figures],  # noqa: S704  (drawn by svg.py, escaped there)
        notes=notes,
        style=style,
        policy=f"default-src 'none'; style-src '{digest(style)}'; img-src data:; base-uri 'none'; form-action 'none'",
    )
