"""What implements the ports: an entry-point registry, loaded when asked for.

A package adds a backend with one line in its own ``pyproject.toml``, for example
``[project.entry-points."xhaim.sources"]`` ``my-hospital = "my_package:Source"``.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from xhaim.errors import PrerequisiteError, did_you_mean

Kind = Literal["sources", "encoders", "language_models", "entailment_models", "learners"]
KINDS: tuple[Kind, ...] = ("sources", "encoders", "language_models", "entailment_models", "learners")


def installed(kind: Kind) -> dict[str, EntryPoint]:
    """Return what is registered for a port, by name, not yet imported."""
    return {point.name: point for point in sorted(entry_points(group=f"xhaim.{kind}"))}


def load(kind: Kind, name: str) -> Any:  # noqa: ANN401  (whatever the plug-in exports)
    """Import one backend.

    Raises PrerequisiteError when no such backend is registered, or when it needs a package that is not there.
    """
    found = installed(kind)
    if name not in found:
        raise PrerequisiteError(
            f"no {kind[:-1].replace('_', ' ')} named '{name}'",
            expected=did_you_mean(name, found),
            do="see what is installed with: xhaim doctor",
        )
    try:
        return found[name].load()
    except ImportError as error:
        raise PrerequisiteError(
            f"'{name}' needs a package that is not installed",
            got=str(error),
            do=f"pip install the package that provides {error.name or 'it'}",
        ) from error
