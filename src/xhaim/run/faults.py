"""How a job ended: well, with a fault that the user can mend, or with one that nobody foresaw.

Of the last kind only the type and the place in the code are told: a message may hold a patient's words.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from xhaim import errors
from xhaim.errors import XhaimError
from xhaim.run.context import Run

T = TypeVar("T")
Work = Callable[[Run, T], Sequence[str]]
"""A function of a module, or a partial of one: it writes its own result and returns notes for the user."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of one job."""

    notes: tuple[str, ...] = ()
    error: XhaimError | None = None
    """What the user can mend: it ends the stage."""
    fault: str | None = None
    """Type and place of any other: it costs this job alone."""
    trace: str = ""
    """Where the fault came through, lines of code without values."""


def attempt(work: Work[T], run: Run, job: T) -> Ended:
    """Do one job and say how it ended. An interruption is none of that, and goes through."""
    try:
        return Ended(notes=tuple(work(run, job)))
    except XhaimError as error:
        return Ended(error=error)
    except Exception as error:  # whatever a record does to a library
        return Ended(fault=place_of(error), trace="".join(traceback.format_tb(error.__traceback__)))


def travelling(ended: Ended) -> Ended:
    """Return the same, fit for another process: errors of other modules have arguments that pickle does not know."""
    error = ended.error
    if error is None:
        return ended
    kind = next(kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
    got, expected = (None if part is None else str(part) for part in (error.got, error.expected))
    return replace(ended, error=kind(error.what, got=got, expected=expected, do=error.do))


def place_of(error: BaseException) -> str:
    """Return ``ValueError in text/sentences.py:41``: the last place in this package that an error came through."""
    root = Path(str(files("xhaim")))
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(root)]
    if not ours:
        return type(error).__name__
    return f"{type(error).__name__} in {Path(ours[-1].filename).relative_to(root)}:{ours[-1].lineno}"
