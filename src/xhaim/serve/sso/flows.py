"""Logins that have begun elsewhere: what must come back with the browser, once and within ten minutes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

Way = Literal["oidc", "smart"]
MOST_S = 600
"""How long a person may take at the other server."""
_MOST_FLOWS = 10_000


def _secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Flow:
    """One login under way."""

    way: Way
    after: str
    """Where in our pages to go then."""
    state: str = field(default_factory=_secret, repr=False)
    """Goes to the other server and comes back."""
    nonce: str = field(default_factory=_secret, repr=False)
    """Comes back inside the token."""
    verifier: str = field(default_factory=_secret, repr=False)
    """Proves that who redeems the code is who asked for it (RFC 7636)."""
    browser: str = field(default_factory=_secret, repr=False)
    """Stands in a cookie: nobody can have another's browser end a login that they began."""
    begun: float = field(default_factory=time.monotonic)

    @property
    def challenge(self) -> str:
        """What the other server is told of the verifier beforehand: S256."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


class Flows:
    """The logins under way, in memory: a server that is started again forgets them, and people begin anew."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Flow] = OrderedDict()
        self._turn = threading.Lock()

    def begin(self, way: Way, after: str) -> Flow:
        """Begin a login; those that took too long, or were too many, are forgotten."""
        flow = Flow(way, after)
        with self._turn:
            self._open[flow.state] = flow
            while len(self._open) > _MOST_FLOWS or _late(next(iter(self._open.values()))):
                self._open.popitem(last=False)
        return flow

    def end(self, way: Way, state: str, browser: str) -> Flow | None:
        """Return the login of a state, this once; ``None``: there is none, or another browser or too late."""
        with self._turn:
            flow = self._open.pop(state, None)
        if flow is None or flow.way != way or _late(flow):
            return None
        return flow if hmac.compare_digest(flow.browser.encode(), browser.encode("utf-8", "replace")) else None


def _late(flow: Flow) -> bool:
    return time.monotonic() - flow.begun > MOST_S
