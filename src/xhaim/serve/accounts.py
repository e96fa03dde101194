"""Local accounts: who may log in, in which role, and whose records they may see. Passwords by argon2id."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Row,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)

from xhaim.errors import DataError, did_you_mean
from xhaim.serve.database import METADATA, reading, writing

Role = Literal["clinician", "annotator", "analyst", "admin"]
"""``clinician``: patients; ``annotator``: the annotation form; ``analyst``: the cohort; ``admin``: all of it."""
ROLES: tuple[Role, ...] = get_args(Role)
LOCAL = "local"
"""The login of whoever sits at the machine, where there are no accounts."""
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_LEAST_PASSWORD, _MOST_PASSWORD = 12, 1000
_NO_PASSWORD = "!"  # noqa: S105
"""Stands for the hash of an account that only another server's word lets in: no password has it."""
_HASHING = threading.Semaphore(2)  # each hash takes 64 MiB: logins wait rather than fill the memory

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("login", String(80), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("password", String(200), nullable=False),
    Column("limited", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
)
ACCOUNT_SUBJECTS = Table(
    "account_subjects",
    METADATA,
    Column("login", String(80), ForeignKey("accounts.login"), primary_key=True),
    Column("subject_id", BigInteger, primary_key=True),
)
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("token", String(64), primary_key=True),  # its SHA-256: who reads the database cannot log in with it
    Column("login", String(80), ForeignKey("accounts.login"), nullable=False),
    Column("expires", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who is logged in."""

    login: str
    role: Role
    subjects: frozenset[int] | None = None
    """Patients whose records they may see; ``None``: all."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it is listed."""

    login: str
    role: Role
    patients: int | None
    """How many it may see; ``None``: all."""
    active: bool


def add(database: Engine, login: str, role: str, password: str | None, subjects: Iterable[int] | None = None) -> None:
    """Make an account. ``subjects``: patients whose records it may see; ``None``: all.

    ``password``: ``None`` for one that only another server's word lets in (``identities.identify``).

    Raises DataError for a name that is taken or none, a role that there is not, and a password that is too short.
    """
    if not _LOGIN.fullmatch(login) or login == LOCAL:
        raise DataError("not a login", got=login[:40], expected=f"a-z, 0-9, dot, dash; at most 64; not '{LOCAL}'")
    if role not in ROLES:
        raise DataError("no such role", got=role[:40], expected=did_you_mean(role, ROLES))
    hashed = _hashed(password) if password is not None else _NO_PASSWORD
    with writing(database) as connection:
        if connection.scalar(select(ACCOUNTS.c.login).where(ACCOUNTS.c.login == login)):
            raise DataError("there is an account of that name", got=login, do=f"xhaim accounts password RUN {login}")
        values = {"login": login, "role": role, "password": hashed, "limited": subjects is not None, "active": True}
        connection.execute(insert(ACCOUNTS).values(values))
        _allow(connection, login, subjects)


def _allow(connection: Connection, login: str, subjects: Iterable[int] | None) -> None:
    rows = [{"login": login, "subject_id": one} for one in sorted(set(subjects or ()))]
    if rows:
        connection.execute(insert(ACCOUNT_SUBJECTS), rows)


def set_password(database: Engine, login: str, password: str) -> None:
    """Give an account another password, let it in again, and end its sessions."""
    hashed = _hashed(password)
    with writing(database) as connection:
        _change(connection, login, password=hashed, active=True)


def set_subjects(database: Engine, login: str, subjects: Iterable[int] | None) -> None:
    """Say whose records an account may see; ``None``: everybody's."""
    with writing(database) as connection:
        _change(connection, login, limited=subjects is not None)
        connection.execute(delete(ACCOUNT_SUBJECTS).where(ACCOUNT_SUBJECTS.c.login == login))
        _allow(connection, login, subjects)


def lock(database: Engine, login: str) -> None:
    """Let an account in no more; what it wrote stays."""
    with writing(database) as connection:
        _change(connection, login, active=False)


def _change(connection: Connection, login: str, **values: str | bool) -> None:
    changed = connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.login == login).values(**values))
    if not changed.rowcount:
        raise DataError("no such account", got=login[:40], do="xhaim accounts list RUN")
    connection.execute(delete(SESSIONS).where(SESSIONS.c.login == login))


def _hashed(password: str) -> str:
    if not _LEAST_PASSWORD <= len(password) <= _MOST_PASSWORD:
        raise DataError("not a password", expected=f"{_LEAST_PASSWORD} to {_MOST_PASSWORD:,} characters")
    return _hasher().hash(password)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _of_nobody() -> str:
    return _hasher().hash("there is no such account")


def check(database: Engine, login: str, password: str) -> bool:
    """Say whether a password is an active account's; it takes as long where there is no such account."""
    with reading(database) as connection:
        wanted = (ACCOUNTS.c.login == login) & (ACCOUNTS.c.password != _NO_PASSWORD)
        row = connection.execute(select(ACCOUNTS).where(wanted)).first()
    with _HASHING:
        try:
            right = _hasher().verify(row.password if row else _of_nobody(), password[: _MOST_PASSWORD + 1])
        except (VerificationError, InvalidHashError):
            return False
    return bool(right and row is not None and row.active)


def accounts(database: Engine) -> list[Account]:
    """Return all accounts by login."""
    with reading(database) as connection:
        rows = connection.execute(select(ACCOUNTS).order_by(ACCOUNTS.c.login)).all()
        return [Account(row.login, row.role, _patients(connection, row), row.active) for row in rows]


def _patients(connection: Connection, row: Row[tuple[str, ...]]) -> int | None:
    return len(_subjects(connection, row.login)) if row.limited else None


def _subjects(connection: Connection, login: str) -> frozenset[int]:
    wanted = select(ACCOUNT_SUBJECTS.c.subject_id).where(ACCOUNT_SUBJECTS.c.login == login)
    return frozenset(connection.scalars(wanted).all())


def any_account(connection: Connection) -> bool:
    """Say whether there is an account, locked ones counted: once there was one, nobody is let in without."""
    return connection.scalar(select(ACCOUNTS.c.login).limit(1)) is not None


def user_of(connection: Connection, login: str) -> User | None:
    """Return the user of an active account."""
    row = connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.login == login, ACCOUNTS.c.active)).first()
    if row is None:
        return None
    return User(login, row.role, _subjects(connection, login) if row.limited else None)
