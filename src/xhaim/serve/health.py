"""Whether the server lives, whether it can serve, and how much it has done; nothing about any patient."""

from __future__ import annotations

from collections import Counter
from threading import Lock

from fastapi import APIRouter, Request, Response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import PlainTextResponse

from xhaim.serve.database import reading

router = APIRouter()
_ROUTES = 300


class Counters:
    """How many requests of each route ended how, and how long they took."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: Counter[str] = Counter()
        self._lock = Lock()

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. ``route``: its pattern, of which there are few."""
        method = method if method in {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"} else "other"
        with self._lock:
            if len(self._requests) < _ROUTES or (method, route, status) in self._requests:
                self._requests[method, route, status] += 1
                self._seconds[route] += seconds  # type: ignore[assignment]

    def text(self) -> str:
        """Return them in Prometheus's text format."""
        with self._lock:
            requests, seconds = sorted(self._requests.items()), sorted(self._seconds.items())
        lines = ["# HELP xhaim_requests_total Requests answered.", "# TYPE xhaim_requests_total counter"]
        for (method, route, status), n in requests:
            lines.append(f'xhaim_requests_total{{method="{method}",route="{_label(route)}",status="{status}"}} {n}')
        lines += [
            "# HELP xhaim_request_seconds_total Time spent on them.",
            "# TYPE xhaim_request_seconds_total counter",
        ]
        lines += [f'xhaim_request_seconds_total{{route="{_label(route)}"}} {spent:.6f}' for route, spent in seconds]
        return "\n".join(lines) + "\n"


def _label(text_: str) -> str:
    return text_.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


@router.get("/healthz")
def healthz() -> Response:
    """Say that the process lives."""
    return PlainTextResponse("alive\n")


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """Say whether the database answers and the run can be read; 503 and what is wanting where not."""
    wanting = []
    try:
        with reading(request.app.state.database) as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        wanting.append("the database does not answer")
    if not (request.app.state.run / "manifest.json").is_file():
        wanting.append("the run directory is not there")
    if (arrivals := request.app.state.arrivals) is not None and not arrivals.worker.lives:
        wanting.append("nobody answers for who arrives")
    return PlainTextResponse("; ".join(wanting or ["ready"]) + "\n", 503 if wanting else 200)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Give the counters."""
    arrivals = request.app.state.arrivals
    told = request.app.state.counters.text() + (arrivals.desk.metrics() if arrivals is not None else "")
    return PlainTextResponse(told, media_type="text/plain; version=0.0.4")
