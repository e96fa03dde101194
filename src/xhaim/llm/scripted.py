"""A language model that answers from a script, and a server of it: for demonstrations, tests, and trying what fails."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from xhaim.errors import BackendError
from xhaim.ports import Pixels, Reply


@dataclass(slots=True)
class ScriptedModel:
    """Gives the replies in order; an exception among them is raised. Keeps what it was asked."""

    replies: Sequence[str | Exception]
    name: str = "scripted"
    asked: list[tuple[str, str, dict[str, Any] | None]] = field(default_factory=list)
    """(system, user, schema) of every question so far."""
    shown: list[Sequence[Pixels]] = field(default_factory=list)
    """The images of every question so far."""

    def ask(self, system: str, user: str, schema: dict[str, Any] | None = None, images: Sequence[Pixels] = ()) -> Reply:
        """Return the next reply of the script. Raises BackendError when it is used up."""
        self.asked.append((system, user, schema))
        self.shown.append(images)
        if len(self.asked) > len(self.replies):
            raise BackendError("the script has no more replies", got=f"question {len(self.asked)}")
        reply = self.replies[len(self.asked) - 1]
        if isinstance(reply, Exception):
            raise reply
        return Reply(reply, self.name, "stop", None, None, 0.0)


@dataclass(frozen=True, slots=True)
class Sent:
    """One answer over HTTP as it goes out, for a server that misbehaves."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    """Before the first byte."""
    drip_s: float = 0.0
    """Between any two bytes of the body."""
    reset_after: int | None = None
    """Bytes of the body after which the connection is reset."""


@dataclass(slots=True)
class ScriptedServer:
    """Where a scripted server listens, and what it was asked."""

    url: str = ""
    """Of its ``/v1``, as ``llm.url`` wants it."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """(system, user) of every request, as it came in."""


def completion(text: str, finish_reason: str = "stop", model: str = "scripted") -> bytes:
    """Return the body of a chat completion; words are counted as tokens."""
    choice = {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 0, "completion_tokens": len(text.split())}
    return json.dumps({"object": "chat.completion", "model": model, "choices": [choice], "usage": usage}).encode()


@contextmanager
def serve(answer: Callable[[str, str], str | Sent]) -> Iterator[ScriptedServer]:
    """Serve ``answer(system, user)`` as an OpenAI-compatible model on this machine, for as long as the block lasts."""
    server = ScriptedServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            whole = self.rfile.read(int(self.headers["Content-Length"]))
            if len(whole) < int(self.headers["Content-Length"]):
                return  # whoever asked was killed in the midst of it
            said = json.loads(whole)["messages"]
            system, user = (_words_of(said[place]["content"]) for place in (0, -1))
            server.asked.append((system, user))
            found = answer(system, user)
            with contextlib.suppress(OSError):  # or is gone by now
                _send(self, Sent(completion(found)) if isinstance(found, str) else found)

        def log_message(self, *_: object) -> None:
            """Keep quiet: requests hold patients' text."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads, httpd.block_on_close = True, False
    server.url = f"http://127.0.0.1:{httpd.server_port}/v1"
    threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()


def _words_of(content: str | list[dict[str, Any]]) -> str:
    """Return what a message says, with the URLs of its images."""
    parts = [] if isinstance(content, str) else content
    said = (part["image_url"]["url"] if "image_url" in part else part["text"] for part in parts)
    return content if isinstance(content, str) else "\n".join(map(str, said))


def _send(handler: BaseHTTPRequestHandler, sent: Sent) -> None:
    time.sleep(sent.wait_s)
    handler.send_response(sent.status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(sent.body))}.items():
        handler.send_header(name, value)
    for name, value in sent.headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    body = sent.body[: sent.reset_after]
    for part in (body[at : at + 1] for at in range(len(body))) if sent.drip_s else (body,):
        handler.wfile.write(part)
        time.sleep(sent.drip_s)
    if sent.reset_after is not None:
        linger = struct.pack("ii", 1, 0)  # no farewell: the other side reads a reset
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.connection.shutdown(socket.SHUT_RD)
        handler.close_connection = True
        handler.connection.close()
