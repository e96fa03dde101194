"""The errors a user can meet: what happened, what was got, what was expected, what to type next."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class XhaimError(Exception):
    """A fault that the user can mend; the command line prints it without a traceback."""

    def __init__(
        self,
        what: str,
        *,
        got: object | None = None,
        expected: object | None = None,
        do: str | None = None,
    ) -> None:
        self.what, self.got, self.expected, self.do = what, got, expected, do
        lines = [what]
        if got is not None:
            lines.append(f"  got:      {got}")
        if expected is not None:
            lines.append(f"  expected: {expected}")
        if do is not None:
            lines.append(f"  do:       {do}")
        super().__init__("\n".join(lines))


class DataError(XhaimError):
    """Records that cannot be read, or that do not say what they must."""


class TaskError(XhaimError):
    """A task file that does not describe a clinical question."""


class PrerequisiteError(XhaimError):
    """Something that must be there first: a package, weights, an earlier step."""


class BackendError(XhaimError):
    """A model or a server that did not answer as it should."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``one of a, b, c`` with the likeliest match named first, for the ``expected`` of an error."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    listed = ", ".join(names[:40]) + (", …" if len(names) > 40 else "")
    return f"one of {listed}" + (f" (did you mean '{close[0]}'?)" if close else "")
