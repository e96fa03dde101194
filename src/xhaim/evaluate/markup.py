"""A table in Markdown and in LaTeX. Cells are data: nothing in them becomes structure."""

from __future__ import annotations

import re
from collections.abc import Callable

from xhaim.evaluate.grids import Grid, stamped
from xhaim.evaluate.wording import MINUS, visible

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#!|~$^@&])")
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\char34{}", "`": r"\textasciigrave{}", "[": "{[}", "]": "{]}", "*": "{*}",
    "±": r"$\pm$", MINUS: "$-$", "·": r"$\cdot$", "\N{MULTIPLICATION SIGN}": r"$\times$",
    "≥": r"$\geq$", "≤": r"$\leq$", "→": r"$\to$",
}  # fmt: skip
"""Brackets and stars too: after the end of a row they would be read as its option; two hyphens as a dash."""


def markdown_text(text: str) -> str:
    """Return text as Markdown (GitHub's) shows it, letter for letter: no emphasis, link, heading, cell or HTML."""
    flat = " ".join(str(visible(text)).split())
    escaped = _MARKDOWN.sub(r"\\\1", flat).replace("://", r"\://").replace("www.", r"www\.")
    return re.sub(r"^(\d+)(\.)(?=\s|$)|^()([-+=])(?!\d)", r"\1\3\\\2\4", escaped)  # a list, a rule, a heading's line


def latex_text(text: str) -> str:
    """Return text as LaTeX prints it, letter for letter: no command, no column, no comment."""
    letters = (_LATEX.get(letter, letter) for letter in " ".join(str(visible(text)).split()))
    return "".join(letters).replace("--", "{-}{-}")


def markdown(grid: Grid) -> str:
    """Return a table with its stamps and caption before it and its notes after it."""
    rows = [grid.columns, ("---",) * len(grid.columns), *_named_once(grid)]
    lines = [
        "| " + " | ".join(cells if place == 1 else map(markdown_text, cells)) + " |" for place, cells in enumerate(rows)
    ]
    notes = "\n".join(f"{markdown_text(note)}\n" for note in grid.notes)
    return f"**{markdown_text(stamped(grid.stamps, grid.caption))}**\n\n" + "\n".join(lines) + f"\n\n{notes}"


def latex(grid: Grid) -> str:
    """Return a table environment for ``booktabs``, its stamps in the caption, its notes below."""

    def line(cells: tuple[str, ...]) -> str:
        return " & ".join(map(latex_text, cells)) + r" \\"

    notes = "\n".join(rf"\par\footnotesize {latex_text(note)}" for note in grid.notes)
    body = "\n".join(map(line, _named_once(grid)))
    return rf"""\begin{{table}}
\caption{{{latex_text(stamped(grid.stamps, grid.caption))}}}
\begin{{tabular}}{{{"l" * len(grid.columns)}}}
\toprule
{line(grid.columns)}
\midrule
{body}
\bottomrule
\end{{tabular}}
{notes}
\end{{table}}
"""


def _named_once(grid: Grid) -> list[tuple[str, ...]]:
    """Give the rows, the name of a group on its first row alone."""
    return [(row[0] if span else "", *row[1:]) for row, span in zip(grid.body, grid.spans, strict=True)]


WRITERS: dict[str, Callable[[Grid], str]] = {"md": markdown, "tex": latex}
"""Suffix of a file -> who writes a table in it."""
