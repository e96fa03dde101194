"""Verbs of judging explanations: judge, judge-audit."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xhaim.cli.app import app
from xhaim.cli.words import AsJson, DryRun, say, watch
from xhaim.errors import DataError

if TYPE_CHECKING:
    from xhaim.config import LanguageModelSettings

RunDir = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory, with stored explanations.")]
OneTask = Annotated[str | None, typer.Option("--task", help="Id of one of the run's tasks; all unless said.")]
Url = Annotated[
    str | None,
    typer.Option("--judge-url", "--llm-url", help="OpenAI-compatible server of the judge; none: the critic judges."),
]
Model = Annotated[
    str | None,
    typer.Option("--judge-model", "--llm-model", help="Model there; best of another family than the writer."),
]
Hosts = Annotated[
    list[str] | None, typer.Option("--judge-host", help="A host besides this machine that may read notes as they are.")
]
Allow = Annotated[bool, typer.Option("--allow-remote", help="Let any other host be asked, without identifiers.")]
Acknowledge = Annotated[str | None, typer.Option(help="For that: who allows it and why, naming the host.")]
MaxCalls = Annotated[
    int | None,
    typer.Option(min=0, help="Questions of the run in all, with those asked before; what lies in its ledger is free."),
]


@app.command()
def judge(
    run_dir: RunDir,
    task: OneTask = None,
    url: Url = None,
    model: Model = None,
    hosts: Hosts = None,
    allow_remote: Allow = False,
    acknowledge: Acknowledge = None,
    max_calls: MaxCalls = None,
    axes: Annotated[
        list[str] | None, typer.Option("--axes", help="Further axes for a model: multimedqa, or a YAML file.")
    ] = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Score a run's explanations, 1 to 5 (citation, factuality, quality): by a model, or by a critic that counts."""
    from xhaim.run.judging import judge_run, plan

    llm = _door(url, model, hosts, allow_remote, acknowledge, max_calls)
    if dry_run:
        say(plan(run_dir, task, llm), as_json=as_json)
        return
    found = judge_run(run_dir, watch(as_json), task_id=task, llm=llm, axes=axes or ())
    say(asdict(found) if as_json else found.words(), as_json=as_json)


@app.command("judge-audit")
def judge_audit(
    run_dir: RunDir,
    task: OneTask = None,
    url: Url = None,
    model: Model = None,
    hosts: Hosts = None,
    allow_remote: Allow = False,
    acknowledge: Acknowledge = None,
    max_calls: MaxCalls = None,
    samples: Annotated[int, typer.Option(min=1, help="Explanations of each task.")] = 20,
    seed: Annotated[int, typer.Option(help="Of what is drawn and changed.")] = 0,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Test a judge: explanations made worse, shuffled, padded, swapped, with orders to the judge, and read again."""
    from xhaim.run.judge_audit import audit_run
    from xhaim.run.judging import plan

    llm = _door(url, model, hosts, allow_remote, acknowledge, max_calls)
    if dry_run:
        say({**plan(run_dir, task, llm), "would": "test the judge", "of each task at most": samples}, as_json=as_json)
        return
    found = audit_run(run_dir, watch(as_json), task_id=task, llm=llm, samples=samples, seed=seed)
    say({**asdict(found), "verdict": found.verdict} if as_json else found.words(), as_json=as_json)


def _door(
    url: str | None,
    model: str | None,
    hosts: list[str] | None,
    allow_remote: bool,
    acknowledge: str | None,
    max_calls: int | None,
) -> LanguageModelSettings | None:
    """Return the judge's own settings; None without a model. Raises DataError for half of them."""
    from xhaim.config import LanguageModelSettings

    if (url is None) != (model is None):
        raise DataError(
            "half a judge",
            got=f"url {url!r}, model {model!r}",
            expected="both --judge-url and --judge-model, or neither",
        )
    if url is None:
        return None
    return LanguageModelSettings(
        url=url,
        model=model,
        hosts=tuple(hosts or ()),
        allow_remote=allow_remote,
        acknowledgement=acknowledge,
        max_calls=max_calls,
        max_output_tokens=2000,
    )
