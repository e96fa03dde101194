"""Pages: templates filled, each in the same frame. Every value is made visible and escaped, whoever wrote it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined
from starlette.responses import HTMLResponse

from xhaim.evaluate.wording import visible
from xhaim.serve.access import csrf_token, routes_of
from xhaim.serve.accounts import LOCAL, Role, User

LINKS: tuple[tuple[str, str, tuple[Role, ...]], ...] = (
    ("/", "Patients", ("clinician",)),
    ("/cohort", "Cohort", ("clinician", "analyst")),
    ("/annotate", "Annotate", ("annotator",)),
    ("/annotate/adjudicate", "Adjudicate", ()),
)
"""Address, name and roles of the pages that the frame leads to; admins see all of them."""
HOMES: dict[Role, str] = {"annotator": "/annotate", "analyst": "/cohort", "clinician": "/", "admin": "/"}
"""The first page of each role."""
NOBODY_LOGS_IN = "Nobody has to log in here: only this machine can open these pages, and there are no accounts."


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around every page."""

    run: str
    simulated: bool
    leaky: bool
    links: tuple[tuple[str, str], ...]
    notice: str
    csrf: str


def templates() -> Environment:
    """Return the environment of the server's templates."""
    return Environment(
        loader=ChoiceLoader(
            [PackageLoader("xhaim.serve"), PrefixLoader({"report": PackageLoader("xhaim.evaluate")})]  # its macros
        ),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:  # noqa: ANN401
    """Return a page. ``name``: of its template; ``values``: what it shows, beside ``user`` and ``frame``."""
    user: User | None = getattr(request.state, "user", None)
    told = {"user": user, "frame": frame(request, user), **values}
    return HTMLResponse(request.app.state.templates.get_template(name).render(told), status)


def frame(request: Request, user: User | None) -> Frame:
    """Return what stands around a page for this user."""
    state = request.app.state
    state.stamps = stamps(state.run) or state.stamps  # while the run is being replaced, as it was
    simulated, leaky = state.stamps
    there = {route.path for route in routes_of(request.app.routes)}
    return Frame(
        run=state.run.name,
        simulated=simulated,
        leaky=leaky,
        links=tuple(
            (address, title)
            for address, title, roles in LINKS
            if address in there and user is not None and (user.role == "admin" or user.role in roles)
        ),
        notice=NOBODY_LOGS_IN if user is not None and user.login == LOCAL else "",
        csrf=csrf_token(request) if user is not None else "",
    )


def stamps(run: Path) -> tuple[bool, bool] | None:
    """Say whether a run is of simulated patients, and whether it is leaky; ``None``: its manifest cannot be read."""
    path = run / "manifest.json"
    try:
        return _stamps(path, path.stat().st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError):
        return None


@lru_cache(maxsize=4)
def _stamps(path: Path, _: int) -> tuple[bool, bool]:
    manifest = json.loads(path.read_text(encoding="utf-8"))
    return bool(manifest["simulated"]), bool(manifest["leaky"])
