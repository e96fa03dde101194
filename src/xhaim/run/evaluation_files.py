"""The files of an evaluation: tables, figures, page, model card and checklist, all there when it ends, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xhaim.evaluate.artefacts import Artefacts
from xhaim.evaluate.evaluation_figures import evaluation_figures, standalone
from xhaim.evaluate.evaluation_page import evaluation_page
from xhaim.evaluate.experiment import stamps_of
from xhaim.evaluate.markup import latex, markdown
from xhaim.evaluate.model_card import model_card
from xhaim.evaluate.tripod import checklist
from xhaim.run.directory import write_frame, write_json
from xhaim.source.write import building

FORMATS = ("md", "html", "latex", "parquet")


def write_evaluation(folder: Path, facts: Artefacts, formats: tuple[str, ...]) -> dict[str, Any]:
    """Write everything to ``folder`` in place of an earlier evaluation; return what its ``evaluation.json`` says."""
    tables = tuple(facts.tables.values())
    figures = evaluation_figures(facts.experiments, facts.tables["subgroups"])
    marks, items = stamps_of(facts.experiments), checklist(facts)
    with building(folder.resolve()) as new:
        for table in tables:
            _text(new / "tables", table.key, markdown(table.grid) if "md" in formats else None, "md")
            _text(new / "tables", table.key, latex(table.grid) if "latex" in formats else None, "tex")
            if "parquet" in formats:
                write_frame(new / "tables" / f"{table.key}.parquet", table.frame)
        for figure in figures:
            _text(new / "figures", figure.key, standalone(figure), "svg")
        if "html" in formats:
            grids = (*(table.grid for table in tables), items)
            page = evaluation_page(f"Evaluation: {facts.header.title}", marks, grids, figures, facts.header.notes)
            _text(new, "evaluation", page, "html")
        _text(new, "model-card", model_card(facts), "md")
        _text(new, "tripod-ai", markdown(items), "md")
        said = {
            "path": str(folder),
            "simulated": facts.simulated,
            "leaky": "LEAKY" in marks,
            "report_policy": [[item.task.id, item.policy] for item in facts.experiments],
            "files": sorted(str(path.relative_to(new)) for path in new.rglob("*") if path.is_file()),
            "notes": list(facts.header.notes),
            "tables": {table.key: table.frame.to_dicts() for table in tables},
        }
        write_json(new / "evaluation.json", said)
    return said


def _text(folder: Path, name: str, text: str | None, suffix: str) -> None:
    """Write one file, unless there is nothing to write: a format that was not asked for, a figure that is not drawn."""
    if text is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.{suffix}").write_text(text, encoding="utf-8")
