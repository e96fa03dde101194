"""The application: one run, its database, every page and door."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from xhaim.errors import PrerequisiteError, XhaimError
from xhaim.serve import health, login
from xhaim.serve.access import form_key, methods_at, undeclared
from xhaim.serve.accounts import accounts
from xhaim.serve.annotate import routes as annotate
from xhaim.serve.arrivals.start import begin as begin_arrivals
from xhaim.serve.clinic import routes as clinic
from xhaim.serve.database import default_url, open_database
from xhaim.serve.doors import routes as doors
from xhaim.serve.doors.origins import Origins
from xhaim.serve.pages import HOMES, page, stamps, templates
from xhaim.serve.security import Guard, Rates, is_door
from xhaim.serve.settings import ServeSettings
from xhaim.serve.sso import routes as sso
from xhaim.serve.sso.start import begin
from xhaim.serve.turns import Turns
from xhaim.serve.watched import Watched

LOG = logging.getLogger("xhaim.serve")
ROUTERS = (login.router, sso.router, health.router, annotate.router, clinic.router, doors.router)


def create_app(run: Path, settings: ServeSettings | None = None, database: Engine | str | None = None) -> FastAPI:
    """Return the application that serves a run directory.

    ``database``: an open one, or its address; ``None``: beside the run. ``app.state`` holds ``run`` (Path),
    ``watched`` (Watched: ``now()`` is the run as it lies there), ``settings``, ``database`` (Engine), ``templates`` and
    ``counters``.

    Raises PrerequisiteError for a folder that is no run, and where others than this machine could connect although
    there are no accounts; DataError for a run or a database of another version.
    """
    settings = settings or ServeSettings()
    watched = Watched(run.resolve())
    if not isinstance(database, Engine):
        database = open_database(database or default_url(run))
    _refuse_open_door(run, settings, database)
    counters = health.Counters()
    app = FastAPI(
        title="xHAIM",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[
            Middleware(Guard, settings=settings, counters=counters, failure=failure),
            Middleware(Origins, origins=settings.cds_origins),
        ],
        lifespan=_until_the_end,
        exception_handlers={
            StarletteHTTPException: _http_error,
            RequestValidationError: _not_valid,
            XhaimError: _told,
            SQLAlchemyError: _not_saved,
        },
    )
    app.state.run, app.state.settings, app.state.database = run.resolve(), settings, database
    app.state.watched, app.state.templates, app.state.counters = watched, templates(), counters
    app.state.beside = Watched(settings.beside.resolve()) if settings.beside else None
    app.state.sso = begin(settings)
    app.state.stamps = stamps(app.state.run) or (False, False)
    app.state.turns, app.state.warm = Turns(), []
    app.state.logins, app.state.form_key = Rates(settings.logins_per_minute), form_key(database)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=str(files("xhaim.serve").joinpath("static"))))
    if forgotten := undeclared(app.routes):
        raise AssertionError(f"routes that do not say who may use them: {', '.join(forgotten)}")
    app.state.arrivals = begin_arrivals(app.state) if settings.arrivals else None
    return app


@asynccontextmanager
async def _until_the_end(app: FastAPI) -> AsyncIterator[None]:
    """End what works beside the requests when the server ends."""
    yield
    if app.state.arrivals is not None:
        await run_in_threadpool(app.state.arrivals.close)


def _refuse_open_door(run: Path, settings: ServeSettings, database: Engine) -> None:
    """Raise PrerequisiteError where somebody else could come in without a login, or a password go in clear."""
    if settings.private:
        return
    if not (accounts(database) or settings.oidc or settings.smart):
        raise PrerequisiteError(
            "others than this machine could open patients' records, and there are no accounts",
            got=f"--host {settings.host}",
            expected="accounts, or an address of this machine alone",
            do=f"xhaim accounts add {run} LOGIN --role clinician",
        )
    if not (settings.loopback or settings.secure):
        raise PrerequisiteError(
            "passwords and records would go over the network in clear",
            got=f"--host {settings.host} without TLS",
            do="give --certificate and --key, or --behind-tls where a proxy in front speaks TLS",
        )


# ---- failures -----------------------------------------------------------------------------------------------

_TITLES = {
    400: "Not understood",
    401: "Log in",
    403: "Not allowed",
    404: "Not found",
    405: "Not done that way",
    409: "Changed meanwhile",
    413: "Too large",
    422: "Not understood",
    429: "Too much at once",
    500: "Something went wrong",
    503: "Not now",
}


async def failure(request: Request, status: int, what: str) -> Response:
    """Return what happened: as a page to a browser, as JSON to a program; never a traceback, never text of a record."""
    if is_door(request.url.path) or "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"error": what}, status)
    if status == 401 and request.method == "GET":
        return login.login_page(request, 401, request.url.path)
    user = getattr(request.state, "user", None)
    home = HOMES[user.role] if user is not None else "/"
    return page(request, "failure.html.j2", status, heading=_TITLES.get(status, "Not done"), what=what, home=home)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)  # noqa: S101  (for the type checker)
    ours = isinstance(error, HTTPException)
    what = str(error.detail) if ours and error.detail else _TITLES.get(error.status_code, "Not done")
    answer = await failure(request, error.status_code, what)
    answer.headers.update(error.headers or {})
    if error.status_code == 405:
        answer.headers["allow"] = ", ".join(methods_at(request.app.routes, request.url.path))
    return answer


async def _not_valid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])[:100]
    return await failure(request, 422, f"{place}: {first['type'].replace('_', ' ')}")


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, XhaimError)  # noqa: S101
    if is_door(request.url.path):  # its words may say where things lie on this machine
        LOG.error("%s: %s", type(error).__name__, request.scope["route"].path)
        return await failure(request, 503, "The run cannot be shown now: whoever runs this server can see why.")
    advice = f" To mend it: {error.do}" if error.do else ""
    return await failure(request, 503 if isinstance(error, PrerequisiteError) else 500, f"{error.what}.{advice}")


async def _not_saved(request: Request, error: Exception) -> Response:
    LOG.error("the database failed: %s", type(error).__name__)
    return await failure(request, 503, "The database does not answer, or its disk is full. Nothing of this was saved.")
