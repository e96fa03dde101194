"""Verbs of explanations: explain, verify, knowledge."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from xhaim.cli.app import app
from xhaim.cli.words import AsJson, DryRun, one_word, rows_in_words, say, watch

FORMATS = ("text", "json", "html", "fhir", "schema")


@app.command()
def explain(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    task: Annotated[str, typer.Option(help="Id of one of the run's tasks.")],
    sample: Annotated[str | None, typer.Option(help="Sample id, or the beginning of one.")] = None,
    format_: Annotated[
        str, typer.Option("--format", help="text, json, html (a page of its own), fhir (R4), or schema (of the JSON).")
    ] = "text",
    additive: Annotated[
        int, typer.Option(min=0, max=1000, help="Also share the risk among its citations, over so many orders.")
    ] = 0,
    list_: Annotated[
        bool, typer.Option("--list", help="List the samples that have a label for the task, with their risks.")
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Tell instead what the record held before the prediction, in words.")
    ] = False,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Explain one sample: its risk, the evidence for and against with measured effects, what is missing."""
    from xhaim.explain.render import json_schema, to_json, to_text
    from xhaim.run.single import explain_one, list_samples, record_in_words

    form = one_word("json" if as_json and format_ == "text" else format_, FORMATS, "format")
    if form == "schema":
        say(json_schema(), as_json=True)
        return
    if list_ or sample is None:
        samples = list_samples(run_dir, task)
        say({"samples": samples} if as_json else rows_in_words(samples), as_json=as_json)
        return
    if dry_run:
        say({"would": f"explain {sample} for {task}", "from": str(run_dir)}, as_json=as_json)
        return
    if record:
        lines, marks = record_in_words(run_dir, task, sample, watch(as_json))
        say({"record": list(lines), "rests on": marks}, as_json=as_json)
        return
    explained = explain_one(run_dir, task, sample, watch(form != "text"), additive=additive)
    if form == "html":
        typer.echo(explained.page())
    elif form == "fhir":
        say(explained.fhir(), as_json=True)
    else:
        whole = explained.explanation
        typer.echo(to_json(whole) if form == "json" else to_text(whole))


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="An explanation: JSON of xhaim explain, or sentences with citations.")],
    store: Annotated[Path, typer.Option(help="The store that holds the patient's record.")],
    task: Annotated[
        str | None, typer.Option(help="Shipped task or YAML file: its concepts are checked too; one's own only.")
    ] = None,
    nli: Annotated[str | None, typer.Option(help="Folder of a model of natural language inference.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check anybody's explanation against a record: citations, what was known when, and whether each sentence holds."""
    from xhaim.run.verification import verify_file

    found = verify_file(file, store, task, nli)
    say({**asdict(found), "holds": found.holds} if as_json else found.words(), as_json=as_json)
    if not found.holds:
        raise typer.Exit(1)


@app.command()
def knowledge(
    place: Annotated[Path, typer.Argument(help="A task card (YAML), or a folder of Markdown and JSONL.")],
    question: Annotated[str | None, typer.Option(help="Search the folder for it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check medical knowledge of one's own: a card, or a folder, and what it finds for a question."""
    from xhaim.run.medicine import look_up

    say(look_up(place, question), as_json=as_json)
