"""The process that listens: uvicorn, without its own log, which would name patients."""

from __future__ import annotations

import logging

import uvicorn
from fastapi import FastAPI

from xhaim.serve.settings import ServeSettings


def address(settings: ServeSettings) -> str:
    """Return where a browser finds it."""
    name = settings.names[0] if settings.names else settings.host
    if settings.names and settings.behind_tls:
        return f"https://{name}"
    return f"{'https' if settings.certificate else 'http'}://{name}:{settings.port}"


def listen(app: FastAPI, settings: ServeSettings) -> None:
    """Serve until the process is told to end; requests that have begun are answered first."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("xhaim.serve").setLevel(logging.INFO)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=settings.behind_tls,
        ssl_certfile=settings.certificate,
        ssl_keyfile=str(settings.key) if settings.key else None,
        timeout_graceful_shutdown=10,
        limit_concurrency=200,
    )
