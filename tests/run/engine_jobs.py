"""Jobs for every engine: in a module of their own, which another process can import."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from xhaim.errors import PrerequisiteError
from xhaim.llm.limits import StoppedError
from xhaim.llm.replies import UnusableReplyError
from xhaim.ports import Reply
from xhaim.run.context import Run

SECRET = "MRS ROBINSON, born 1942"


def mark(run: Run, job: int) -> Sequence[str]:
    """Leave a file; say so."""
    (run.directory.root / f"done-{job}").touch()
    return (f"job {job}",)


def marked(run: Run) -> set[int]:
    return {int(path.name.removeprefix("done-")) for path in run.directory.root.glob("done-*")}


def poisoned(run: Run, job: int) -> Sequence[str]:
    """Fail as a library does on a record: the message holds the record."""
    if job in {2, 5}:
        raise ValueError(f"cannot parse: {SECRET}")
    return mark(run, job)


def unlucky(run: Run, job: int) -> Sequence[str]:
    """Be killed once in the middle of the work."""
    scar = run.directory.root / "killed"
    if job == 3 and not scar.exists():
        scar.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return mark(run, job)


def too_big(run: Run, job: int) -> Sequence[str]:
    """Be killed whenever it is tried."""
    if job == 1:
        with (run.directory.root / "tries").open("a") as tries:
            tries.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
    return mark(run, job)


def missing(run: Run, job: int) -> Sequence[str]:
    raise PrerequisiteError("no weights", got=run.directory.root, expected="weights", do="pip install weights")


def stopped(run: Run, job: int) -> Sequence[str]:
    raise StoppedError("the budget is spent", got="3 calls", do="raise it")


def unusable(run: Run, job: int) -> Sequence[str]:
    raise UnusableReplyError("model", "empty", Reply("", "model", "stop", 1, 0, 0.1))
