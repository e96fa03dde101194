"""The privacy gate: who may read notes as they are, and what every other host is sent instead.

This machine and the hosts that the settings name read prompts as they are. Any other host needs ``allow_remote`` and a
written acknowledgement, and gets only text that passed ``hide``: the client knows it by its type and refuses the rest.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from xhaim.config import LanguageModelSettings
from xhaim.errors import BackendError, PrerequisiteError, XhaimError
from xhaim.llm.deidentify import Hidden
from xhaim.ports import LanguageModel, Pixels, Reply

KEY_VARIABLE = "XHAIM_PRIVACY_KEY"
"""Environment variable with the secret that decides by how many days a patient's dates move; else a file of the run."""
_SEAL = object()
_LEAST, _MOST = 366, 3653


class PrivacyError(XhaimError):
    """A prompt that was about to leave without having passed the gate. Never mended by going on without it."""


class Cleared(str):
    """Text that passed the gate; whatever is made of it by another hand is plain text again."""

    __slots__ = ()

    def __new__(cls, text: str, *, seal: object = None) -> Cleared:
        """Refuse to be made anywhere but here."""
        if seal is not _SEAL:
            raise PrivacyError("text cannot be called de-identified by hand", do="send it through privacy.Gate")
        return super().__new__(cls, text)


@dataclass(frozen=True, slots=True)
class Gate:
    """A language model that sees no identifiers of one patient; itself a LanguageModel.

    Prompts are hidden before they reach ``model``, so that a ledger behind the gate holds what has left the house, and
    answers come back in the patient's own words and dates, so that whoever asked can check them against the chart.
    Images do not pass: a name that is burned into the pixels cannot be hidden.
    """

    model: LanguageModel
    days: int
    """By which the patient's dates are moved; ``days_of``."""

    @property
    def name(self) -> str:
        """Name of the model behind the gate."""
        return self.model.name

    def ask(self, system: str, user: str, schema: dict[str, Any] | None = None, images: Sequence[Pixels] = ()) -> Reply:
        """Ask without identifiers; put them back into the answer.

        Raises PrivacyError for images, BackendError as the model does.
        """
        if images:
            raise images_stay()
        hidden = Hidden(self.days)
        sent = [Cleared(text, seal=_SEAL) for text in hidden.hide([system, user])]
        reply = self.model.ask(sent[0], sent[1], schema)
        return replace(reply, text=hidden.restore(reply.text))


@dataclass(frozen=True, slots=True)
class Closed:
    """Stands for a remote model where nobody said whose record is asked about: every question is refused."""

    name: str

    def ask(self, system: str, user: str, schema: dict[str, Any] | None = None, images: Sequence[Pixels] = ()) -> Reply:
        """Raise PrivacyError."""
        raise PrivacyError(
            "a question for a remote model does not say whose record it is about",
            expected="a patient, so that dates move by that patient's days",
        )


def images_stay() -> PrivacyError:
    """Return what is raised where an image was about to go to a host that may not read notes as they are."""
    return PrivacyError(
        "an image was about to leave for a host that is not trusted",
        got="pixels, which may hold a name and cannot be de-identified",
        expected="a vision model on this machine, or on a host named in llm.hosts",
        do="name the host in llm.hosts if it is your own; else leave out llm.image_model",
    )


def days_of(subject_id: int, secret: bytes) -> int:
    """Return by how many days a patient's dates move: back by one to ten years, always the same for one secret."""
    digest = hmac.new(secret, f"dates of {subject_id}".encode(), hashlib.sha256).digest()
    return -(_LEAST + int.from_bytes(digest[:8]) % (_MOST - _LEAST))


def secret(path: Path) -> bytes:
    """Return the secret of a run: from the environment, else from ``path``, made there once, for its owner only."""
    given = os.environ.get(KEY_VARIABLE)
    if given:
        if len(given) < 16:
            raise PrerequisiteError(f"{KEY_VARIABLE} is too short", got=f"{len(given)} signs", expected="at least 16")
        return given.encode()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)  # the first of several processes wins, and no one reads half a secret
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    return path.read_bytes()


def is_trusted(url: str, settings: LanguageModelSettings) -> bool:
    """Say whether the host of ``url`` may read notes as they are. Raises BackendError where it may read nothing.

    This machine: ``localhost`` where all its addresses are loopback, or an address in 127.0.0.0/8 or ::1. Any other
    name must stand in ``settings.hosts`` as it is written, whatever it resolves to.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise BackendError(
            "the url of the language model cannot be used",
            expected="http://host:port/v1 or https://host/v1, without a user name or key in it",
            do="put the key into the environment variable XHAIM_LLM_API_KEY",
        )
    host = parts.hostname.lower()
    if _is_loopback(host) or host in {name.lower().strip("[]") for name in settings.hosts}:
        return True
    if not settings.allow_remote:
        raise BackendError(
            "the language model is not on this machine, and notes would leave it",
            got=host,
            expected="localhost, an address in 127.0.0.0/8, ::1, or a host named in llm.hosts",
            do="name it in llm.hosts if it is your own; else set llm.allow_remote and llm.acknowledgement",
        )
    said = settings.acknowledgement or ""
    if host not in said.lower() or len(said.split()) < 8:
        raise BackendError(
            "sending de-identified text to a host outside needs a written acknowledgement",
            got=f"{len(said.split())} words" + ("" if host in said.lower() else f", {host} not named"),
            expected="at least eight words that name the host: who allows it, and why; the manifest keeps them",
            do=f"set llm.acknowledgement: 'I, NAME, allow de-identified text to go to {host} because ...'",
        )
    if parts.scheme != "https":
        raise BackendError("text would leave this machine unencrypted", got=parts.scheme, expected="https")
    return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        if host != "localhost":
            return False
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(address).is_loopback for address in found)
