"""Who another server's word lets in: an account is found by what an issuer claims of a person, and only so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Engine, ForeignKey, String, Table, delete, insert, select, update

from xhaim.errors import DataError
from xhaim.serve.accounts import ACCOUNTS, SESSIONS
from xhaim.serve.database import METADATA, reading, writing
from xhaim.serve.sso.client import is_safe

_CLAIM = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,99}", re.ASCII)
_MOST_VALUE = 255

IDENTITIES = Table(
    "account_identities",
    METADATA,
    Column("issuer", String(500), primary_key=True),
    Column("claim", String(100), primary_key=True),
    Column("value", String(_MOST_VALUE), primary_key=True),
    Column("login", String(80), ForeignKey("accounts.login"), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What lets an account in."""

    login: str
    issuer: str
    claim: str
    value: str


def identities(database: Engine) -> list[Identity]:
    """Return what lets accounts in by another server's word, by login."""
    columns = [IDENTITIES.c[name] for name in ("login", "issuer", "claim", "value")]
    with reading(database) as connection:
        return [Identity(*row) for row in connection.execute(select(*columns).order_by(*columns))]


def identify(database: Engine, login: str, issuer: str, claim: str, value: str) -> None:
    """Let an account in by an issuer's word alone that ``claim`` is ``value``, and no more by what was said before.

    ``claim``: ``sub``, which an issuer gives to nobody else; ``email``, believed where the issuer has verified it; or
    another that nobody can choose for themselves. Its sessions end; one that was locked is let in again.

    Raises DataError for an account that is not there, a claim that cannot be one, or one that is another account's.
    """
    if not is_safe(issuer) or len(issuer) > 500:
        raise DataError("not an issuer", got=issuer[:80], expected="its address, as its ID tokens say it")
    if not _CLAIM.fullmatch(claim) or not 1 <= len(value) <= _MOST_VALUE or not value.isprintable():
        raise DataError("not a claim", got=claim[:40], expected="NAME=VALUE, as sub=248289761001")
    here = (IDENTITIES.c.issuer == issuer) & (IDENTITIES.c.claim == claim) & (IDENTITIES.c.value == value)
    with writing(database) as connection:
        if connection.scalar(select(IDENTITIES.c.login).where(here)) not in {None, login}:
            raise DataError("another account goes with that claim", got=claim, do="xhaim accounts identities RUN")
        if not connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.login == login).values(active=True)).rowcount:
            raise DataError("no such account", got=login[:40], do="xhaim accounts list RUN")
        connection.execute(delete(SESSIONS).where(SESSIONS.c.login == login))
        connection.execute(delete(IDENTITIES).where(IDENTITIES.c.login == login, IDENTITIES.c.issuer == issuer))
        connection.execute(insert(IDENTITIES).values(issuer=issuer, claim=claim, value=value, login=login))


def login_of(database: Engine, issuer: str, claims: Mapping[str, Any]) -> str | None:
    """Return the login that goes with the claims of a verified token; ``None``: none, or more than one does."""
    told = {
        (name, value)
        for name, value in claims.items()
        if isinstance(value, str) and (name != "email" or claims.get("email_verified") is True)
    }
    with reading(database) as connection:
        wanted = (IDENTITIES.c.issuer == issuer) & IDENTITIES.c.value.in_({value for _, value in told})
        rows = connection.execute(select(IDENTITIES).where(wanted)).all()
    found = {row.login for row in rows if (row.claim, row.value) in told}
    return found.pop() if len(found) == 1 else None
