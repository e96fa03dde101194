import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from xhaim.config import LanguageModelSettings
from xhaim.errors import BackendError, PrerequisiteError
from xhaim.llm.client import OpenAICompatible
from xhaim.llm.limits import UnreachableError
from xhaim.llm.privacy import is_trusted
from xhaim.llm.replies import UnusableReplyError


def completion(content: str | None, reason: str = "stop", **message: str) -> bytes:
    choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": content, **message}}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}).encode()


class Script:
    """What the server answers, in order: (status, body, headers, seconds before the answer)."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes, dict[str, str], float]] = []
        self.seen: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.url = ""

    def say(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None, wait: float = 0) -> None:
        self.answers.append((status, body, headers or {}, wait))


@pytest.fixture
def server() -> Iterator[Script]:
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            script.seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status, reply, headers, wait = script.answers[min(len(script.seen), len(script.answers)) - 1]
            time.sleep(wait)
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(reply)

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
    script.url = f"http://127.0.0.1:{httpd.server_port}/v1"
    yield script
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def model(server: Script) -> Callable[..., OpenAICompatible]:
    return lambda **changed: OpenAICompatible(LanguageModelSettings(url=server.url, model="m", **changed))


def test_an_answer_without_its_reasoning(server: Script, model: Callable[..., OpenAICompatible]) -> None:
    server.say(completion("<think>hidden\n</think>\n Shown.", reasoning_content="hidden"))
    reply = model().ask("be brief", "hello")
    assert (reply.text, reply.model, reply.finish_reason, reply.tokens_in, reply.tokens_out) == (
        "Shown.",
        "m",
        "stop",
        7,
        3,
    )
    body = server.seen[0][1]
    assert (body["temperature"], body["seed"], body["max_tokens"]) == (0, 0, 700)
    assert [one["content"] for one in body["messages"]] == ["be brief", "hello"]
    assert "response_format" not in body


def test_a_schema_is_sent_and_told_in_words_where_it_is_refused(
    server: Script, model: Callable[..., OpenAICompatible]
) -> None:
    server.say(b'{"error": {"message": "no response_format"}}', 400)
    server.say(completion("{}"))
    assert model().ask("s", "u", {"type": "object"}).text == "{}"
    assert server.seen[0][1]["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert "response_format" not in server.seen[1][1]
    assert '{"type": "object"}' in server.seen[1][1]["messages"][0]["content"]


@pytest.mark.parametrize(
    ("status", "headers"), [(500, {}), (429, {"Retry-After": "0.01"}), (503, {"Retry-After": "0.01"})]
)
def test_a_passing_fault_is_tried_again(
    server: Script, model: Callable[..., OpenAICompatible], status: int, headers: dict[str, str]
) -> None:
    server.say(b"{}", status, headers)
    server.say(completion("fine"))
    assert model().ask("s", "u").text == "fine"
    assert len(server.seen) == 2


def test_tries_are_bounded(server: Script, model: Callable[..., OpenAICompatible]) -> None:
    server.say(b"{}", 500, {"Retry-After": "0.01"})
    with pytest.raises(BackendError, match="the server answered 500"):
        model().ask("s", "u")
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (completion("half", "length"), "cut by its length"),
        (completion(""), "empty"),
        (completion(None), "empty"),
        (completion("<think>never ends"), "empty"),
        (completion("whole")[:-20], "not a chat completion"),
        (b"[]", "not a chat completion"),
        (b"[" * 100_000, "not a chat completion"),
        (b'{"choices": []}', "not a chat completion"),
        (completion("x" * 2_100_000), "larger than"),
    ],
)
def test_half_answers_are_failures(
    server: Script, model: Callable[..., OpenAICompatible], body: bytes, why: str
) -> None:
    server.say(body)
    with pytest.raises(BackendError, match=why):
        model().ask("s", "secret patient text")
    with pytest.raises(BackendError) as caught:
        model().ask("s", "secret patient text")
    assert "secret" not in str(caught.value)


def test_a_slow_server_is_given_up(server: Script, model: Callable[..., OpenAICompatible], monkeypatch: Any) -> None:
    monkeypatch.setattr("xhaim.llm.client._RETRIES", 0)
    server.say(completion("late"), wait=0.6)
    with pytest.raises(BackendError, match=r"no answer within 0\.2 s"):
        model(timeout_s=0.2).ask("s", "u")


def test_nothing_of_the_environment_leaks_and_redirects_lead_nowhere(
    server: Script, model: Callable[..., OpenAICompatible], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "leak")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Leak: leak\nAuthorization: leak")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("XHAIM_LLM_API_KEY", raising=False)
    server.say(completion("fine"))
    assert model().ask("s", "u").text == "fine"
    assert server.seen[0][0]["authorization"] == "Bearer none"
    assert "leak" not in json.dumps(server.seen[0][0])
    monkeypatch.setenv("XHAIM_LLM_API_KEY", "mine")
    server.say(b"", 302, {"Location": server.url + "/elsewhere"})
    with pytest.raises(BackendError, match="302"):
        model().ask("s", "u")
    assert server.seen[1][0]["authorization"] == "Bearer mine"
    assert len(server.seen) == 2


def test_a_server_that_drips_is_given_up_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte comes in time, the whole does not."""
    monkeypatch.setattr("xhaim.llm.client._RETRIES", 0)
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        sock, _ = listener.accept()
        with sock, contextlib.suppress(OSError):
            sock.recv(65536)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n")
            for _ in range(1500):  # half a minute
                sock.sendall(b" ")
                time.sleep(0.02)

    threading.Thread(target=drip, daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    begun = time.monotonic()
    with pytest.raises(UnreachableError, match="took longer than"):
        OpenAICompatible(LanguageModelSettings(url=url, model="m", timeout_s=0.3)).ask("s", "u")
    assert time.monotonic() - begun < 15
    listener.close()


@pytest.mark.parametrize("after", [0, 40, 130])
def test_a_connection_that_is_reset_is_the_servers_fault(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xhaim.llm.client._RETRIES", 0)
    listener = socket.create_server(("127.0.0.1", 0))
    whole = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n" + completion("x")

    def reset() -> None:
        sock, _ = listener.accept()
        sock.recv(65536)
        sock.sendall(whole[:after])
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    threading.Thread(target=reset, daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    with pytest.raises(UnreachableError):
        OpenAICompatible(LanguageModelSettings(url=url, model="m", timeout_s=5)).ask("s", "u")
    listener.close()


def test_fifty_megabytes_are_not_read(server: Script, model: Callable[..., OpenAICompatible]) -> None:
    server.say(completion("x" * 50_000_000))
    with pytest.raises(UnusableReplyError, match="larger than"):
        model().ask("s", "u")
    assert len(server.seen) == 1


def test_a_cut_answer_tells_what_it_cost(server: Script, model: Callable[..., OpenAICompatible]) -> None:
    server.say(completion("half", "length"))
    with pytest.raises(UnusableReplyError) as caught:
        model().ask("s", "u")
    assert caught.value.reply is not None
    assert (caught.value.reply.tokens_in, caught.value.reply.tokens_out) == (7, 3)


@pytest.mark.parametrize("count", [True, -1, 1.5, "7", None])
def test_a_count_that_is_none_is_not_believed(
    server: Script, model: Callable[..., OpenAICompatible], count: object
) -> None:
    body = json.loads(completion("fine")) | {"usage": {"prompt_tokens": count, "completion_tokens": 3}}
    server.say(json.dumps(body).encode())
    reply = model().ask("s", "u")
    assert (reply.tokens_in, reply.tokens_out) == (None, 3)


@pytest.mark.parametrize(
    "url", ["http://localhost:1/v1", "http://127.3.2.1/v1", "http://[::1]:8000/v1", "HTTPS://LOCALHOST/v1"]
)
def test_this_machine_is_trusted(url: str) -> None:
    assert is_trusted(url, LanguageModelSettings())


REMOTE = [
    "https://example.org/v1",
    "https://10.0.0.1/v1",
    "https://localhost.example.org/",
    "https://0.0.0.0/",
    "https://2130706433/",
]
SAID = "I, A. Person, allow de-identified text to go to {host} because a contract covers it"


@pytest.mark.parametrize("url", REMOTE)
def test_other_hosts_need_the_flag_and_a_word_in_writing(url: str) -> None:
    host = url.split("/")[2]
    said = SAID.format(host=host)
    with pytest.raises(BackendError, match="allow_remote"):
        OpenAICompatible(LanguageModelSettings(url=url, model="m"))
    for wrong in (None, "", "yes", SAID.format(host="elsewhere.example"), host):
        with pytest.raises(BackendError, match="acknowledgement"):
            is_trusted(url, LanguageModelSettings(allow_remote=True, acknowledgement=wrong))
    assert not is_trusted(url, LanguageModelSettings(allow_remote=True, acknowledgement=said))
    with pytest.raises(BackendError, match="unencrypted"):
        is_trusted(url.replace("https", "http"), LanguageModelSettings(allow_remote=True, acknowledgement=said))


def test_a_named_host_is_trusted_as_it_is_written_and_no_other() -> None:
    named = LanguageModelSettings(hosts=("Gateway.hospital.example", "10.0.0.7"))
    assert is_trusted("http://gateway.hospital.example:8000/v1", named)
    assert is_trusted("http://10.0.0.7/v1", named)
    for url in ("http://evil.gateway.hospital.example/", "http://10.0.0.70/", "http://hospital.example/"):
        with pytest.raises(BackendError):
            is_trusted(url, named)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://key@localhost/v1", "localhost:8000", "http:///v1"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(BackendError, match="url of the language model"):
        is_trusted(url, LanguageModelSettings(allow_remote=True))


def test_no_model_is_told() -> None:
    with pytest.raises(PrerequisiteError, match="no language model is configured"):
        OpenAICompatible(LanguageModelSettings())
