"""Verbs of a verifier of claims: train, check."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from xhaim.cli.app import app
from xhaim.cli.words import AsJson, DryRun, say

verifier = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Train a verifier of claims, or ask one.")
app.add_typer(verifier, name="verifier")
Trials = Annotated[
    Path | None, typer.Option(help="Records of NLI4CT: a folder or CT_json.tar.gz; beside the file unless said.")
]


@verifier.command()
def train(
    data: Annotated[
        list[Path], typer.Argument(help="Labelled claims and evidence: csv, tsv, jsonl, or NLI4CT's json.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the verifier.")],
    trials: Trials = None,
    prior: Annotated[
        bool, typer.Option(help="Let the claim alone speak too, as annotators' claims do; --no-prior for one's own.")
    ] = True,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Fit a verifier, for --nli and entailment.path: no language model, some minutes on two cores."""
    if dry_run:
        say({"would": f"fit a verifier to {len(data)} files", "into": str(out)}, as_json=as_json)
        return
    from xhaim.run.verifier import train as fitted
    from xhaim.run.watch import Bars, Quiet

    with (Quiet() if as_json else Bars()).stage("pairs") as progress:
        pairs = fitted(data, out, trials, prior=prior, progress=progress)
    say({"pairs": pairs, "verifier": str(out)}, as_json=as_json)


@verifier.command()
def check(
    file: Annotated[Path, typer.Argument(help="Claims and evidence: csv, tsv, jsonl, or NLI4CT's json.")],
    model: Annotated[str, typer.Option(help="Folder of a verifier, or of any NLI classifier.")],
    out: Annotated[Path, typer.Option(help="csv with what was found of every pair.")],
    trials: Trials = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Ask a verifier of every pair of a file; with labels there, also how often it is right (macro-F1)."""
    if dry_run:
        say({"would": f"ask the verifier in {model} of every pair of {file}", "into": str(out)}, as_json=as_json)
        return
    from xhaim.run.verifier import check_pairs

    say({**asdict(check_pairs(file, model, out, trials)), "found": str(out)}, as_json=as_json)
