"""xHAIM as the client of another server: an OpenID provider, or a FHIR server that launches it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from xhaim.errors import DataError

_MOST = 500
_MOST_SECRET = 4096


@dataclass(frozen=True, slots=True)
class Client:
    """What is agreed with the other server."""

    server: str
    """Its address: an OpenID issuer, or the base of a FHIR server."""
    client_id: str
    """The name that it knows us by."""
    secret: str = field(default="", repr=False)
    """Empty: a public client, which proves by PKCE alone that it is the one that asked."""

    def __post_init__(self) -> None:
        if not is_safe(self.server) or urlsplit(self.server).query:
            raise DataError(
                "not the address of a login server",
                got=self.server[:80],
                expected="https://HOST/PATH, without query; http on this machine alone",
            )
        if not self.client_id or len(self.client_id) > _MOST or not self.client_id.isprintable():
            raise DataError("no client id", expected="the name that the login server knows this server by")

    @classmethod
    def of(cls, server: str, client_id: str, secret_file: Path | None = None) -> Client:
        """Return a client whose secret is the first line of a file. Raises DataError where it cannot be read."""
        return cls(server, client_id, _secret(secret_file) if secret_file is not None else "")


def given(way: str, server: str | None, client_id: str | None, secret_file: Path | None) -> Client | None:
    """Return the client of the options ``--WAY``, ``--WAY-client``, ``--WAY-secret-file``; ``None`` without the first.

    Raises DataError where the first is missing and another is not, or as ``Client`` does.
    """
    if server is not None:
        return Client.of(server, client_id or "", secret_file)
    if client_id is not None or secret_file is not None:
        raise DataError(f"no server for --{way}-client", expected=f"--{way} ADDRESS --{way}-client ID")
    return None


def _secret(file: Path) -> str:
    try:
        with file.open(encoding="ascii") as opened:
            secret = opened.readline(_MOST_SECRET + 2).strip()
    except (OSError, ValueError):
        secret = ""
    if not 1 <= len(secret) <= _MOST_SECRET or not secret.isprintable():
        raise DataError(f"no client's secret: {file}", expected="one line of ASCII")
    return secret


def is_safe(address: str) -> bool:
    """Say whether anything may be asked of an address: https, or http to this machine; no name, password or part."""
    parts = _split(address)
    if parts is None or parts.username is not None or parts.password is not None or "#" in address:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def origin(address: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a safe address."""
    parts = urlsplit(address)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"https": 443, "http": 80}[parts.scheme]


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(address: str) -> SplitResult | None:
    """Return the parts of an address; ``None`` for none, or one that two programs could read differently."""
    if len(address) > _MOST * 4 or not address.isascii() or not address.isprintable() or set(address) & set(' \\"<>'):
        return None
    try:
        parts = urlsplit(address)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if named else None
