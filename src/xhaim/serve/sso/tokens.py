"""Whether an ID token says who somebody is: signature, issuer, audience, times, nonce (OpenID Connect Core 3.1.3.7)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

Claims = Mapping[str, Any]
Jwk = Mapping[str, Any]
KEY_TYPES = {"RS256": "RSA", "ES256": "EC"}
"""Algorithms that are believed, and the type of key of each; never ``none``, nor one whose key both sides hold."""
LEEWAY_S = 60
"""How far the other server's clock may be off."""
_LEAST_RSA = 2048
_MOST_KEYS = 100
_MOST_TOKEN = 100_000
_NEEDED = ["iss", "sub", "aud", "exp", "iat"]


class TokenError(Exception):
    """A token that is not believed; its message is why, in one of few words, and never quotes it."""


class UnknownKeyError(TokenError):
    """The token names a key that is not among those known: they may have been changed."""


def keys_of(document: Any) -> tuple[Jwk, ...]:  # noqa: ANN401  (whatever JSON the other server answered)
    """Return the keys of a JWK set that could sign; those of other kinds and uses are left out."""
    listed = document.get("keys") if isinstance(document, dict) else None
    keys = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    able = [one for one in keys if one.get("kty") in KEY_TYPES.values() and one.get("use", "sig") == "sig"]
    able = [one for one in able if "d" not in one]  # a private key that was published proves nothing
    return tuple(able[:_MOST_KEYS])


def claims_of(token: str, keys: Sequence[Jwk], issuer: str, client_id: str, nonce: str) -> Claims:
    """Return what a token says. Raises TokenError where it is not to be believed, UnknownKeyError by none of ``keys``.

    ``nonce``: sent with the question, so that a token of another login is not taken for the answer.
    """
    import jwt

    if len(token) > _MOST_TOKEN or not token.isascii():
        raise TokenError("not a token")
    try:
        algorithm, key = _key(token, keys)
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=client_id,
            issuer=issuer,
            leeway=LEEWAY_S,
            options={"require": _NEEDED},
        )
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise TokenError(_why(error)) from None
    _check(claims, client_id, nonce)
    return claims


def _key(token: str, keys: Sequence[Jwk]) -> tuple[str, Any]:
    """Return the algorithm and the key that a token names: the algorithm is ours to permit, the key not the token's."""
    import jwt

    header = jwt.get_unverified_header(token)
    algorithm = header.get("alg")
    if algorithm not in KEY_TYPES or "crit" in header:
        raise TokenError("algorithm")
    fitting = [one for one in keys if one["kty"] == KEY_TYPES[algorithm] and one.get("alg", algorithm) == algorithm]
    name = header.get("kid")
    named = fitting if name is None else [one for one in fitting if one.get("kid") == name]
    if len(named) != 1:
        raise UnknownKeyError("unknown key")
    key: Any = jwt.PyJWK(dict(named[0]), algorithm).key
    if algorithm == "RS256" and key.key_size < _LEAST_RSA:
        raise TokenError("key too short")
    return algorithm, key


def _check(claims: Claims, client_id: str, nonce: str) -> None:
    """Check what the library does not: for whom it was made, and in answer to what."""
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else client_id) != client_id:
        raise TokenError("audience")
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise TokenError("nonce")
    if not isinstance(claims["sub"], str) or not 1 <= len(claims["sub"]) <= 255:
        raise TokenError("subject")


def _why(error: Exception) -> str:
    import jwt

    words: tuple[tuple[type[Exception], str], ...] = (
        (jwt.InvalidSignatureError, "signature"),
        (jwt.ExpiredSignatureError, "expired"),
        (jwt.ImmatureSignatureError, "from the future"),
        (jwt.InvalidAudienceError, "audience"),
        (jwt.InvalidIssuerError, "issuer"),
        (jwt.MissingRequiredClaimError, "a claim is missing"),
    )
    return next((word for kind, word in words if isinstance(error, kind)), "not a token")
