"""Markdown and LaTeX: hostile text is shown letter for letter and becomes no structure."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_experiments import HOSTILE
from markdown_it import MarkdownIt

from xhaim.evaluate.grids import Grid
from xhaim.evaluate.markup import latex, latex_text, markdown, markdown_text
from xhaim.evaluate.wording import visible

nasty = st.text(
    alphabet=st.sampled_from(list("ab1 .:-+*_`~#|<>[](){}!&$^%\\\"'=@/\n\r\t\u202e±·\N{MINUS SIGN};")), max_size=30
)


class Tags(HTMLParser):
    """Every tag, and the text of each cell."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.cells, self.cell = [], [], None
        self.feed(page)

    def handle_starttag(self, tag, _):
        self.tags.append(tag)
        if tag in ("td", "th"):
            self.cell = ""

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.cells.append(self.cell)
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data


def rendered(text):
    return Tags(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))


def flat(text):
    return " ".join(str(visible(text)).split())


def grid(*cells, caption="A caption"):
    return Grid("k", ("SIMULATED",), caption, tuple(f"c{i}" for i in range(len(cells))), (cells,), ("A note.",))


@settings(max_examples=150, deadline=None)
@given(nasty, nasty)
def test_a_cell_is_shown_as_it_is_and_nothing_else_becomes_of_it(one, two):
    found = rendered(markdown(grid("x", one, two, "y")))
    assert found.tags == ["p", "strong", "table", "thead", "tr", *["th"] * 4, "tbody", "tr", *["td"] * 4, "p"]
    assert found.cells[4:] == ["x", flat(one), flat(two), "y"]


@settings(max_examples=150, deadline=None)
@given(nasty)
def test_a_paragraph_and_a_list_item_stay_what_they_are(text):
    assert rendered(f"- **L.** {markdown_text(text)}").tags == ["ul", "li", "strong"]
    assert rendered(f"{markdown_text(text)}x").tags in (["p"], [])


def test_hostile_text_in_every_place_of_a_markdown_table():
    found = rendered(markdown(grid(HOSTILE, HOSTILE, caption=HOSTILE)))
    assert set(found.tags) == {"p", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert found.cells[2:] == [flat(HOSTILE)] * 2
    assert "U+202E" in found.cells[2]
    assert not re.search(r"\w://|www\.", markdown(grid(HOSTILE)))  # nor does a bare address become a link


LETTER = (
    r"\\text(?:backslash|ascii\w+|less|greater|bar)\{\}|\\char34\{\}|\\[{}$&#_%]|\{[\[\]*]\}|\{-\}\{-\}|"
    r"\$(?:\\pm|-|\\cdot)\$|[^\\{}$&#^_%~\[\]*|<>\"`]"
)


@settings(max_examples=150, deadline=None)
@given(nasty)
def test_latex_is_made_of_letters_and_known_escapes_alone(text):
    assert re.fullmatch(f"(?:{LETTER})*", latex_text(text))


def test_latex_by_hand():
    assert latex_text("50 % of a_b & {c} \\x $1 #2 ~ ^ [d]*") == (
        r"50 \% of a\_b \& \{c\} \textbackslash{}x \$1 \#2 \textasciitilde{} \textasciicircum{} {[}d{]}{*}"
    )
    assert latex_text("\N{MINUS SIGN}0.1 ± 0.2 · x--y") == r"$-$0.1 $\pm$ 0.2 $\cdot$ x{-}{-}y"


def test_a_latex_table_has_the_rows_that_it_should_have():
    text = latex(grid(HOSTILE, "[b]", caption=HOSTILE))
    rows = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert len(rows) == 2
    assert all(len(re.findall(r"(?<!\\)&", row)) == 1 for row in rows)
    assert rf"\caption{{SIMULATED $\cdot$ {latex_text(HOSTILE)}}}" in text
    assert text.count(r"\begin{") == text.count(r"\end{") == 2
    assert r"\input" not in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex")
def test_a_table_of_hostile_cells_compiles_as_latex_itself_sees_it(tmp_path):
    cells = (
        "\\input{/etc/passwd}",
        "a & b % $x^2_1$ # ~ \" ` '",
        "[x]*",
        "- ≥ ≤ \N{MULTIPLICATION SIGN} → ± · µ <b> |",
        "\\\\ \\end{tabular}",
    )
    page = latex(Grid("hostile", (), "Hostile _words_", ("A",), tuple((cell,) for cell in cells), ()))
    page = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}{page}\\end{{document}}"
    tmp_path.joinpath("page.tex").write_text(page, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "page.tex"],
        cwd=tmp_path, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize("text", ["1. x", "- x", "+ x", "# x", "> x", "=== ", "---", "    x", "\tx", "12) x"])
def test_what_would_begin_a_block_does_not(text):
    assert rendered(markdown_text(text)).tags == ["p"]
    assert rendered(f"above\n{markdown_text(text)}").tags == ["p"]


def test_a_groups_name_stands_once():
    body = (("T", "1"), ("T", "2"), ("U", "3"))
    shown = Grid("k", (), "C", ("a", "b"), body, ())
    assert rendered(markdown(shown)).cells[2:] == ["T", "1", "", "2", "U", "3"]
    assert latex(shown).splitlines()[6:9] == ["T & 1 \\\\", " & 2 \\\\", "U & 3 \\\\"]
