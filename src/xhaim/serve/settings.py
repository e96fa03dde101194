"""How the server is to behave: where it listens, how long a login lasts, how much it takes at once."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from xhaim.errors import DataError
from xhaim.serve.sso.client import Client

_ORIGIN = re.compile(r"https?://[a-z0-9.-]{1,250}(:[0-9]{1,5})?", re.ASCII)
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """Settings of one server."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8080
    names: tuple[str, ...] = ()
    """Host names that browsers may ask for; on loopback its own names, elsewhere any where none is given."""
    behind_tls: bool = False
    """A proxy in front speaks TLS: cookies are sent by https alone, and its forwarded addresses are believed."""
    certificate: Path | None = None
    """PEM file, where the server speaks TLS itself."""
    key: Path | None = None
    """PEM file of the certificate's private key."""
    session_hours: float = 12.0
    max_body: int = 1_000_000
    """Bytes of a request's body."""
    max_bundle: int = 50_000_000
    """Bytes of what a machine sends to ``/api/`` and ``/cds-services/``."""
    posts_per_minute: int = 1200
    """Requests that change something, of one address."""
    beside: Path | None = None
    """Another run, whose explanations of the same samples annotators compare with these."""
    arrivals: Path | None = None
    """Folder in which patients are kept whose data arrives; ``None``: nothing of a patient who is sent is kept."""
    logins_per_minute: int = 10
    """Attempts of one address, and for one name."""
    oidc: Client | None = None
    """The OpenID provider whose word lets people in."""
    oidc_only: bool = False
    """Nobody logs in by a password."""
    smart: Client | None = None
    """The FHIR server whose launches are taken."""
    cds_origins: tuple[str, ...] = ()
    """Other sites whose pages may ask for cards, with a token: ``https://ehr.example``."""
    ids_are_subjects: bool = False
    """What a FHIR server calls a patient is the number of a subject of a store that was made of no FHIR."""

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise DataError("a certificate and its key belong together", do="give --certificate and --key, or neither")
        if not 1 <= self.port <= 65535:
            raise DataError("no such port", got=self.port, expected="1 to 65535")
        if self.oidc_only and self.oidc is None:
            raise DataError("nobody could log in", got="--oidc-only", do="name the provider with --oidc ISSUER")
        if strange := [one for one in self.cds_origins if not _ORIGIN.fullmatch(one)]:
            raise DataError("no such origin", got=strange[0][:80], expected="https://NAME, without a path")

    @property
    def loopback(self) -> bool:
        """Say whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def secure(self) -> bool:
        """Say whether browsers speak https to it."""
        return self.behind_tls or self.certificate is not None

    @property
    def private(self) -> bool:
        """Say whether it may go without accounts: only this machine connects, no proxy is in front, no login is set."""
        return self.loopback and not self.behind_tls and not self.names and not (self.oidc or self.smart)

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """Host names that are answered; empty: any."""
        if self.names:
            return (*(name.lower() for name in self.names), *LOOPBACK_NAMES)  # its own for health checks
        return LOOPBACK_NAMES if self.loopback and not self.behind_tls else ()
