"""The one door to a language model: any OpenAI-compatible server, loopback only unless the user says otherwise."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import socket
import time
from functools import cached_property
from typing import Any, cast
from urllib.parse import urlsplit

from openai import APIConnectionError, APIStatusError, APITimeoutError, BadRequestError, DefaultHttpxClient, OpenAI

from xhaim.config import LanguageModelSettings
from xhaim.errors import BackendError, PrerequisiteError
from xhaim.ports import Reply

KEY_VARIABLE = "XHAIM_LLM_API_KEY"
"""Environment variable with the server's key; without it ``none`` is sent, which local servers ignore."""
MAX_REPLY_BYTES = 2_000_000
_RETRIES = 3
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
_HEADER = re.compile(r"host|authorization|accept|accept-encoding|content-(type|length)|user-agent|x-stainless-.*")
"""What may be sent; by the last ones the client knows its own requests again."""


class OpenAICompatible:
    """A model behind an OpenAI-compatible endpoint: temperature 0, seed 0, bounded time, tries and size.

    Raises PrerequisiteError when url or model is not set, BackendError when the url leads off this machine and
    ``allow_remote`` is not set.
    """

    def __init__(self, settings: LanguageModelSettings) -> None:
        if not settings.url or not settings.model:
            raise PrerequisiteError(
                "no language model is configured",
                got=f"url {settings.url!r}, model {settings.model!r}",
                expected="both, as in url: http://127.0.0.1:8000/v1 and model: my-model",
                do="set llm.url and llm.model, or leave both out: summaries are then extractive",
            )
        check_host(settings.url, allow_remote=settings.allow_remote)
        self._settings, self._url, self._model = settings, settings.url, settings.model

    @property
    def name(self) -> str:
        """The model's id as the server knows it."""
        return self._model

    @property
    def fingerprint(self) -> str:
        """What else decides an answer: url and sampling. Part of the ledger's key."""
        return json.dumps({"url": self._url, **self._sampling}, sort_keys=True)

    def ask(self, system: str, user: str, schema: dict[str, Any] | None = None) -> Reply:
        """Return the answer without any reasoning; with ``schema``, the server is asked for JSON that fits it.

        A server that refuses the schema (400) is asked again with the schema in words. Raises BackendError when
        there is no whole answer: no connection, an error after 3 retries, too slow, too long, cut or empty.
        """
        if schema is None:
            return self._ask(system, user, None)
        try:
            return self._ask(system, user, schema)
        except _SchemaRefusedError:
            told = f"{system}\n\nAnswer with one JSON object that fits this schema, and nothing else:\n"
            return self._ask(told + json.dumps(schema, sort_keys=True), user, None)

    @property
    def _sampling(self) -> dict[str, int | float]:
        return {"temperature": 0.0, "seed": 0, "max_tokens": self._settings.max_output_tokens}

    @cached_property
    def _client(self) -> OpenAI:
        key = os.environ.get(KEY_VARIABLE) or "none"

        def only_ours(request: Any) -> None:  # noqa: ANN401  (httpx, whose package name depends on openai's version)
            """Drop what the client adds from other environment variables, keys and custom headers among it."""
            for name in [name for name in request.headers if not _HEADER.fullmatch(name.lower())]:
                del request.headers[name]
            request.headers["Authorization"] = f"Bearer {key}"
            request.headers["Accept-Encoding"] = "identity"

        return OpenAI(
            base_url=self._url,
            api_key=key,
            timeout=self._settings.timeout_s,
            max_retries=_RETRIES,
            http_client=DefaultHttpxClient(
                trust_env=False,
                follow_redirects=False,
                timeout=self._settings.timeout_s,
                event_hooks={"request": [only_ours]},
            ),
        )

    def _ask(self, system: str, user: str, schema: dict[str, Any] | None) -> Reply:
        begun = time.monotonic()
        try:
            body = self._read(system, user, schema)
        except BadRequestError as error:
            if schema is not None:
                raise _SchemaRefusedError from error
            raise _failed(self._model, f"the server refused the request ({error.status_code})") from error
        except APITimeoutError as error:
            raise _failed(self._model, f"no answer within {self._settings.timeout_s:g} s") from error
        except APIStatusError as error:
            raise _failed(self._model, f"the server answered {error.status_code}") from error
        except APIConnectionError as error:
            raise _failed(self._model, "no connection to the server") from error
        return self._reply(body, time.monotonic() - begun)

    def _read(self, system: str, user: str, schema: dict[str, Any] | None) -> bytes:
        """Read the answer's body within the time and size that are allowed."""
        extra: dict[str, Any] = {}
        if schema is not None:
            wanted = {"name": "answer", "schema": schema, "strict": True}
            extra["response_format"] = {"type": "json_schema", "json_schema": wanted}
        messages: Any = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        create = cast("Any", self._client.chat.completions.with_streaming_response.create)
        with create(model=self._model, messages=messages, **self._sampling, **extra) as response:
            deadline = time.monotonic() + self._settings.timeout_s
            body = bytearray()
            for part in response.iter_bytes(65536):
                body += part
                if len(body) > MAX_REPLY_BYTES:
                    raise _failed(self._model, f"the answer is larger than {MAX_REPLY_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise _failed(self._model, f"the answer took longer than {self._settings.timeout_s:g} s")
        return bytes(body)

    def _reply(self, body: bytes, seconds: float) -> Reply:
        try:
            parsed = json.loads(body)
            choice = parsed["choices"][0]
            content = choice["message"].get("content")
            reason = str(choice.get("finish_reason"))
            usage = parsed.get("usage") or {}
            counts = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
            raise _failed(self._model, "the answer is not a chat completion") from error
        if reason == "length":
            raise _failed(self._model, "the answer was cut by its length", "raise llm.max_output_tokens")
        text = _THOUGHT.sub("", content).strip() if isinstance(content, str) else ""
        if not text:
            raise _failed(self._model, f"the answer is empty (finish_reason {reason[:40]})")
        tokens_in, tokens_out = (count if isinstance(count, int) else None for count in counts)
        return Reply(text, self._model, reason, tokens_in, tokens_out, round(seconds, 3))


class _SchemaRefusedError(Exception):
    """The server answered 400 to a request with a schema."""


def _failed(model: str, why: str, do: str | None = None) -> BackendError:
    return BackendError(f"the language model '{model}' gave no usable answer: {why}", do=do)


def check_host(url: str, *, allow_remote: bool) -> None:
    """Raise BackendError unless ``url`` is http(s) and leads to this machine, or ``allow_remote`` is set.

    This machine: ``localhost`` where all its addresses are loopback, or an address in 127.0.0.0/8 or ::1. Any other
    name counts as remote, whatever it resolves to, for it could resolve to something else at the next request.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise BackendError(
            "the url of the language model cannot be used",
            expected="http://host:port/v1 or https://host/v1, without a user name or key in it",
            do=f"put the key into the environment variable {KEY_VARIABLE}",
        )
    if not allow_remote and not _is_loopback(parts.hostname):
        raise BackendError(
            "the language model is not on this machine, and notes would leave it",
            got=parts.hostname,
            expected="localhost, an address in 127.0.0.0/8, or ::1",
            do="set llm.allow_remote: true if that host may read the patients' notes",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        if host.lower() != "localhost":
            return False
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(address).is_loopback for address in found)
