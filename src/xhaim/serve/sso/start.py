"""Which other servers let people in, as it was set; begun with the application."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from xhaim.errors import DataError
from xhaim.serve.running import address
from xhaim.serve.settings import ServeSettings
from xhaim.serve.sso.fetch import need_packages
from xhaim.serve.sso.flows import Flows
from xhaim.serve.sso.handed import Handed
from xhaim.serve.sso.provider import Provider


@dataclass(frozen=True, slots=True)
class Sso:
    """The other servers of one application; ``None``: none was set."""

    here: str
    """Our own address, as it was set and never as a request says it."""
    oidc: Provider | None = None
    smart: Provider | None = None
    only: bool = False
    """Nobody logs in by a password."""
    flows: Flows = field(default_factory=Flows)
    handed: Handed = field(default_factory=Handed)

    def ways(self, after: str) -> list[tuple[str, str]]:
        """Return the addresses and words of a login page. ``after``: where in our pages to go then."""
        found = []
        if self.oidc is not None:
            host = urlsplit(self.oidc.client.server).hostname
            found.append((f"/oidc/login?{urlencode({'after': after})}", f"Log in with {host}"))
        if self.smart is not None:
            found.append(("/smart/launch", f"Choose a patient at {urlsplit(self.smart.client.server).hostname}"))
        return found


def begin(settings: ServeSettings) -> Sso:
    """Return the other servers; none of them is asked anything yet.

    Raises PrerequisiteError where a package is missing, DataError where they could not send a browser back here.
    """
    here = address(settings)
    here = here.removesuffix({"https": ":443", "http": ":80"}[urlsplit(here).scheme])
    if settings.oidc is None and settings.smart is None:
        return Sso(here)
    need_packages()
    if not settings.loopback and not settings.names:
        raise DataError(
            "the login server could not send a browser back here",
            got=f"--host {settings.host} without a name",
            do="say with --name under which name browsers reach this server",
        )
    return Sso(
        here,
        Provider(settings.oidc, "oidc", f"{here}/oidc/callback") if settings.oidc else None,
        Provider(settings.smart, "smart", f"{here}/smart/callback") if settings.smart else None,
        settings.oidc_only,
    )
