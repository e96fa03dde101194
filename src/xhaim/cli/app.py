"""The application: its name, its version, and how a fault is told."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated

import typer

from xhaim import __version__
from xhaim.errors import XhaimError

app = typer.Typer(
    name="xhaim",
    help="Explainable holistic AI in medicine. Research software, not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Explainable holistic AI in medicine."""
    if show:
        typer.echo(f"xhaim {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; faults that a user can mend are printed without a traceback."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing leaves the machine unless told to
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except XhaimError as error:
        if "--json" in sys.argv:
            typer.echo(
                json.dumps(
                    {"error": error.what, "got": error.got, "expected": error.expected, "do": error.do}, default=str
                )
            )
        else:
            typer.echo(f"xhaim: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("xhaim: interrupted; the same command goes on where it stopped", err=True)
        sys.exit(130)
