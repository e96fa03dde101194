"""The command line: verbs in the order of the flow.

Exit status: 0 done, 1 a fault of ours, 2 something that the user can mend (said without a traceback), 130 interrupted.
Results go to standard output (with ``--json`` as one JSON object), progress and notes to standard error.
"""

from __future__ import annotations

from xhaim.cli import (  # noqa: F401  (their verbs enter the application)
    accounts,
    agreement,
    evaluate,
    explanations,
    judging,
    predicting,
    records,
    runs,
    serving,
    stress,
    verifier,
)
from xhaim.cli.app import app, main

__all__ = ["app", "main"]
