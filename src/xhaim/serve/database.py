"""The server's own database: accounts, sessions, audit, annotations, feedback. Patients' records are not in it.

SQLite in WAL by default, beside the run directory, since that may be replaced under a running server; any other
database by its SQLAlchemy URL. What was acknowledged survives ``kill -9`` and a power cut (``synchronous=FULL``).
Each module defines its tables in ``METADATA``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, create_engine, event, insert, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from xhaim.errors import DataError, PrerequisiteError

VERSION = 1
"""Of the tables; a database of another one is refused."""
METADATA = MetaData()
SCHEMA_VERSION = Table("schema_version", METADATA, Column("version", Integer, primary_key=True))
_BUSY_MS = 20_000  # how long a writer waits for another


def default_url(run: Path) -> str:
    """Return the address of the database beside a run directory: ``RUN.served.sqlite``."""
    run = run.resolve()
    return f"sqlite:///{run.with_name(run.name + '.served.sqlite')}"


def open_database(url: str) -> Engine:
    """Open a database, making what tables it lacks.

    Raises DataError for an address that is none or a database of another version, PrerequisiteError where its driver
    is not installed or nothing answers. No message holds the address: it may hold a password.
    """
    try:
        engine = _engine(url)
        with writing(engine) as connection:
            METADATA.create_all(connection)
            found = connection.scalars(select(SCHEMA_VERSION.c.version)).all()
            if not found:
                connection.execute(insert(SCHEMA_VERSION).values(version=VERSION))
    except (ArgumentError, ValueError):
        raise DataError("not the address of a database", expected="sqlite:///FILE, or any SQLAlchemy URL") from None
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise PrerequisiteError(
            "the driver of that database is not installed",
            got=str(error),
            do="pip install it, as psycopg for PostgreSQL",
        ) from None
    except (SQLAlchemyError, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise PrerequisiteError(
            "the database cannot be opened",
            got=type(cause).__name__,
            do="look at --database, its folder and its rights",
        ) from None
    if found and list(found) != [VERSION]:
        raise DataError(
            "the database was made by another version of xHAIM",
            got=f"tables of version {', '.join(map(str, found))}",
            expected=f"version {VERSION}",
            do="serve it with the version that made it, export, and begin a new one with --database",
        )
    return engine


def _engine(url: str) -> Engine:
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        return create_engine(address, pool_pre_ping=True, hide_parameters=True)
    if address.database and address.database != ":memory:":
        Path(address.database).touch(mode=0o600)  # nobody else on the machine may read it
    waits = {"timeout": _BUSY_MS / 1000, "check_same_thread": False}
    engine = create_engine(address, connect_args=waits, hide_parameters=True)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _: object) -> None:  # noqa: ANN401  (a connection of the driver)
    connection.isolation_level = None  # the driver begins no transaction of its own
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def writing(database: Engine) -> Iterator[Connection]:
    """Open a transaction that writes: it waits for other writers at its beginning, and commits at its end."""
    with database.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


@contextmanager
def reading(database: Engine) -> Iterator[Connection]:
    """Open a transaction that only reads: one state of the database, whoever writes meanwhile."""
    with database.connect() as connection, connection.begin():
        yield connection
