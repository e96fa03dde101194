"""The other server as an OpenID provider: what it says of itself, its keys, and who somebody is by its word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from xhaim.serve.sso.client import Client, is_loopback, is_safe
from xhaim.serve.sso.fetch import AnswerError, get_json, post_form
from xhaim.serve.sso.flows import Flow
from xhaim.serve.sso.remembered import Remembered
from xhaim.serve.sso.tokens import Claims, Jwk, TokenError, UnknownKeyError, claims_of, keys_of

WELL_KNOWN = "/.well-known/openid-configuration"
SMART_WELL_KNOWN = "/.well-known/smart-configuration"
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Metadata:
    """Of a provider's discovery document what is used."""

    issuer: str
    authorize: str
    token: str
    jwks: str
    leave: str | None
    """Where a browser logs out; ``None``: nowhere."""
    basic: bool
    """The client's secret goes in the header."""
    names_itself: bool
    """Its answers say who answers (RFC 9207)."""
    capabilities: frozenset[str] = frozenset()
    """Of a FHIR server: what its launches can do."""


def discover(issuer: str) -> Metadata:
    """Ask an OpenID provider about itself. Raises BackendError; AnswerError where it says that it is another one."""
    said = _document(issuer.rstrip("/") + WELL_KNOWN)
    if said.get("issuer") != issuer:
        raise AnswerError("the provider says that it is another issuer")
    return _metadata(said, issuer, _address(said, "jwks_uri", issuer), issuer)


def discover_smart(base: str) -> Metadata:
    """Ask a FHIR server how it launches; its issuer's keys are named there, or by the issuer (SMART App Launch 2.2)."""
    said = _document(base.rstrip("/") + SMART_WELL_KNOWN)
    if "S256" not in _words(said, "code_challenge_methods_supported"):
        raise AnswerError("the FHIR server cannot do PKCE by S256")
    issuer = _address(said, "issuer", base)
    jwks = _address(said, "jwks_uri", base) if "jwks_uri" in said else discover(issuer).jwks
    return _metadata(said, issuer, jwks, base)


def _document(address: str) -> Answer:
    said = get_json(address)
    if not isinstance(said, dict):
        raise AnswerError("the other server says nothing of itself")
    return said


def _metadata(said: Answer, issuer: str, jwks: str, asked: str) -> Metadata:
    ways = _words(said, "token_endpoint_auth_methods_supported")
    return Metadata(
        issuer=issuer,
        authorize=_address(said, "authorization_endpoint", asked),
        token=_address(said, "token_endpoint", asked),
        jwks=jwks,
        leave=_address(said, "end_session_endpoint", asked) if said.get("end_session_endpoint") else None,
        basic=not ways or "client_secret_basic" in ways,
        names_itself=said.get("authorization_response_iss_parameter_supported") is True,
        capabilities=frozenset(_words(said, "capabilities")),
    )


def _address(said: Answer, name: str, asked: str) -> str:
    """Return an address that the document names; one of this machine only where the document came from here."""
    found = said.get(name)
    if not isinstance(found, str) or not is_safe(found):
        raise AnswerError(f"the other server names no {name} that can be used")
    if is_loopback(urlsplit(found).hostname or "") and not is_loopback(urlsplit(asked).hostname or ""):
        raise AnswerError(f"the other server names this machine as its {name}")
    return found


def _words(said: Answer, name: str) -> list[str]:
    listed = said.get(name)
    return [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []


@dataclass(frozen=True, slots=True)
class Granted:
    """What a code was redeemed for."""

    claims: Claims
    """Of the verified ID token."""
    answer: Answer
    """The token response: it may hold an access token."""


class Provider:
    """One other server, and what was remembered of it."""

    def __init__(self, client: Client, kind: Literal["oidc", "smart"], callback: str) -> None:
        find: Callable[[str], Metadata] = discover if kind == "oidc" else discover_smart
        self.client, self.callback = client, callback
        self.said = Remembered(lambda: find(client.server))
        self._keys: Remembered[tuple[Jwk, ...]] = Remembered(lambda: keys_of(get_json(self.said.get().jwks)))

    def question(self, flow: Flow, scope: str, **more: str) -> str:
        """Return where a browser goes to be asked who it is. Raises BackendError where the provider is down."""
        address = self.said.get().authorize
        asked = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.callback,
            "scope": scope,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
            **more,
        }
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

    def redeem(self, flow: Flow, code: str, named: str | None) -> Granted:
        """Return what a code stands for. ``named``: who the answer says it is from.

        Raises BackendError where the provider is down or refuses the code, TokenError where what it answers does not
        say who somebody is.
        """
        said = self.said.get()
        if named != said.issuer and (named is not None or said.names_itself):
            raise TokenError("issuer")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback,
            "code_verifier": flow.verifier,
        }
        answer = post_form(self.client, said.token, form, basic=said.basic)
        token = answer.get("id_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise TokenError("no ID token")
        return Granted(self._claims(token, said.issuer, flow.nonce), answer)

    def _claims(self, token: str, issuer: str, nonce: str) -> Claims:
        try:
            return claims_of(token, self._keys.get(), issuer, self.client.client_id, nonce)
        except UnknownKeyError:  # the provider may have begun to sign with another
            return claims_of(token, self._keys.newer(), issuer, self.client.client_id, nonce)

    def leaving(self, home: str) -> str | None:
        """Return where a browser also logs out of the provider, and comes back from; ``None``: not known of it."""
        said = self.said.known()
        if said is None or said.leave is None:
            return None
        told = urlencode({"client_id": self.client.client_id, "post_logout_redirect_uri": home})
        return f"{said.leave}{'&' if '?' in said.leave else '?'}{told}"
