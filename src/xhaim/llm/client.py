"""The one door to a language model: any OpenAI-compatible server, on this machine unless the settings say otherwise."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast

from openai import APIConnectionError, APIStatusError, APITimeoutError, BadRequestError, DefaultHttpxClient, OpenAI

from xhaim.config import LanguageModelSettings
from xhaim.errors import BackendError, PrerequisiteError
from xhaim.llm.limits import UnreachableError
from xhaim.llm.pictures import Content, ImagesRefusedError, content, speaks_of_images
from xhaim.llm.privacy import Cleared, PrivacyError, images_stay, is_trusted
from xhaim.llm.replies import UnusableReplyError
from xhaim.ports import Pixels, Reply

KEY_VARIABLE = "XHAIM_LLM_API_KEY"
"""Environment variable with the server's key; without it ``none`` is sent, which local servers ignore."""
MAX_REPLY_BYTES = 2_000_000
_RETRIES = 3
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
_HEADER = re.compile(r"host|authorization|accept|accept-encoding|content-(type|length)|user-agent|x-stainless-.*")
"""What may be sent; by the last ones the client knows its own requests again."""


class OpenAICompatible:
    """A model behind an OpenAI-compatible endpoint: temperature 0, seed 0, bounded time, tries and size.

    Raises PrerequisiteError when url or model is not set, BackendError when the host may read nothing
    (``privacy.is_trusted``).
    """

    def __init__(self, settings: LanguageModelSettings) -> None:
        if not settings.url or not settings.model:
            raise PrerequisiteError(
                "no language model is configured",
                got=f"url {settings.url!r}, model {settings.model!r}",
                expected="both, as in url: http://127.0.0.1:8000/v1 and model: my-model",
                do="set llm.url and llm.model, or leave both out: summaries are then extractive",
            )
        self.trusted = is_trusted(settings.url, settings)
        """Whether the server may read notes as they are; the others get only what passed ``privacy.Gate``."""
        self._settings, self._url, self._model = settings, settings.url, settings.model

    @property
    def name(self) -> str:
        """The model's id as the server knows it."""
        return self._model

    @property
    def fingerprint(self) -> str:
        """What else decides an answer: url and sampling. Part of the ledger's key."""
        return json.dumps({"url": self._url, **self._sampling}, sort_keys=True)

    def ask(self, system: str, user: str, schema: dict[str, Any] | None = None, images: Sequence[Pixels] = ()) -> Reply:
        """Return the answer without any reasoning; with ``schema``, the server is asked for JSON that fits it.

        ``images`` go as PNGs made here (``pictures``). A server that refuses the schema (400) is asked again with the
        schema in words. Raises UnreachableError where the server fails (no connection, too slow, 429 or 5xx after 3
        retries), UnusableReplyError for an answer that is cut, empty, too long or no chat completion,
        ImagesRefusedError, PrivacyError for plain text or images to a host that is not trusted.
        """
        if not self.trusted and images:
            raise images_stay()
        if not self.trusted and not (isinstance(system, Cleared) and isinstance(user, Cleared)):
            raise PrivacyError(
                "a prompt that did not pass the privacy gate was about to leave this machine",
                got="plain text for a host that is not trusted",
                expected="what privacy.Gate makes of it",
            )
        said = content(user, images)
        if schema is None:
            return self._ask(system, said, None)
        try:
            return self._ask(system, said, schema)
        except _SchemaRefusedError:
            told = f"{system}\n\nAnswer with one JSON object that fits this schema, and nothing else:\n"
            return self._ask(told + json.dumps(schema, sort_keys=True), said, None)

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

    def _ask(self, system: str, user: Content, schema: dict[str, Any] | None) -> Reply:
        begun = time.monotonic()
        try:
            body = self._read(system, user, schema)
        except BadRequestError as error:
            if schema is not None:
                raise _SchemaRefusedError from error
            if not isinstance(user, str):
                raise ImagesRefusedError(self._model, error.status_code) from error
            raise BackendError(f"the server of '{self._model}' refused the request ({error.status_code})") from error
        except APITimeoutError as error:
            raise self._unreachable(f"no answer within {self._settings.timeout_s:g} s") from error
        except APIStatusError as error:
            if not isinstance(user, str) and speaks_of_images(error.status_code, error.body):
                raise ImagesRefusedError(self._model, error.status_code) from error
            raise self._unreachable(f"the server answered {error.status_code}") from error
        except APIConnectionError as error:
            raise self._unreachable("no connection to the server") from error
        return self._reply(body, time.monotonic() - begun)

    def _read(self, system: str, user: Content, schema: dict[str, Any] | None) -> bytes:
        """Read the answer's body within the time and size that are allowed."""
        extra: dict[str, Any] = {}
        if schema is not None:
            wanted = {"name": "answer", "schema": schema, "strict": True}
            extra["response_format"] = {"type": "json_schema", "json_schema": wanted}
        messages: Any = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        create = cast("Any", self._client.chat.completions.with_streaming_response.create)
        with create(model=self._model, messages=messages, **self._sampling, **extra) as response:
            return self._body(response, time.monotonic() + self._settings.timeout_s)

    def _body(self, response: Any, deadline: float) -> bytes:  # noqa: ANN401  (a response of the client's own HTTP package)
        body = bytearray()
        try:
            for part in response.iter_bytes():  # as it comes: a server that drips must meet the deadline
                body += part
                if len(body) > MAX_REPLY_BYTES:
                    raise UnusableReplyError(self._model, f"the answer is larger than {MAX_REPLY_BYTES} bytes")  # noqa: TRY301
                if time.monotonic() > deadline:
                    raise self._unreachable(f"the answer took longer than {self._settings.timeout_s:g} s")  # noqa: TRY301
        except BackendError:
            raise
        except (
            Exception
        ) as error:  # faults inside a body come as they are, from a package whose name depends on openai's
            raise self._unreachable("the connection broke") from error
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
            raise UnusableReplyError(self._model, "the answer is not a chat completion") from error
        tokens_in, tokens_out = (count if type(count) is int and count >= 0 else None for count in counts)
        text = _THOUGHT.sub("", content).strip() if isinstance(content, str) else ""
        reply = Reply(text, self._model, reason[:40], tokens_in, tokens_out, round(seconds, 3))
        if reason == "length":
            do = "raise llm.max_output_tokens"
            raise UnusableReplyError(self._model, "the answer was cut by its length", reply, do=do)
        if not text:
            raise UnusableReplyError(self._model, f"the answer is empty (finish_reason {reason[:40]})", reply)
        return reply

    def _unreachable(self, why: str) -> UnreachableError:
        return UnreachableError(f"the language model '{self._model}' gave no usable answer: {why}")


class _SchemaRefusedError(Exception):
    """The server answered 400 to a request with a schema."""
