import base64
import contextlib
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from xhaim.config import LanguageModelSettings
from xhaim.errors import BackendError, DataError
from xhaim.llm.client import OpenAICompatible
from xhaim.llm.limits import UnreachableError
from xhaim.llm.pictures import LONGEST, ImagesRefusedError, bounded, data_url, digest
from xhaim.llm.privacy import Cleared, Closed, Gate, PrivacyError
from xhaim.llm.replies import UnusableReplyError
from xhaim.llm.scripted import ScriptedModel, completion

FILM = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
SCHEMA = {"type": "object"}


class Server:
    """Answers in order, the last one again and again; keeps the bodies that it was sent."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers, self.bodies, self.url = answers, list[dict[str, Any]](), ""

    @property
    def contents(self) -> list[Any]:
        return [body["messages"][-1]["content"] for body in self.bodies]


@contextlib.contextmanager
def serving(*answers: tuple[int, bytes]) -> Iterator[Server]:
    server = Server(*answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            status, body = server.answers[min(len(server.bodies), len(server.answers)) - 1]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
    server.url = f"http://127.0.0.1:{httpd.server_port}/v1"
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()


def model(server: Server) -> OpenAICompatible:
    return OpenAICompatible(LanguageModelSettings(url=server.url, model="eyes"))


def decoded(url: str) -> Image.Image:
    head, _, data = url.partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data, validate=True)), formats=["PNG"])


def test_images_go_before_the_words_as_pngs_of_their_pixels() -> None:
    with serving((200, completion("fine"))) as server:
        assert model(server).ask("s", "what?", None, [FILM, FILM.T]).text == "fine"
    *shown, said = server.contents[0]
    assert said == {"type": "text", "text": "what?"}
    assert [one["type"] for one in shown] == ["image_url", "image_url"]
    for one, sent in zip(shown, (FILM, FILM.T), strict=True):
        assert set(one["image_url"]) == {"url"}
        assert np.array_equal(np.asarray(decoded(one["image_url"]["url"])), sent)


def test_words_alone_are_sent_as_they_always_were() -> None:
    with serving((200, completion("fine"))) as server:
        model(server).ask("s", "u", None, ())
    assert server.contents == ["u"]


def test_a_png_holds_its_pixels_and_nothing_beside_them() -> None:
    raw = base64.b64decode(data_url(FILM).partition(",")[2])
    kinds, at = [], 8
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 4])
        kinds.append(raw[at + 4 : at + 8])
        at += 12 + size
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]
    assert decoded(data_url(FILM)).info == {}


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000))
def test_no_side_is_too_long_and_the_shape_is_kept(height: int, width: int) -> None:
    shown = bounded(np.zeros((height, width), np.uint8))
    if max(height, width) <= LONGEST:
        assert shown.shape == (height, width)
    else:
        assert max(shown.shape) == LONGEST
        scale = LONGEST / max(height, width)
        assert all(abs(got - max(1, was * scale)) <= 1 for got, was in zip(shown.shape, (height, width), strict=True))


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.float32), np.zeros((0, 4), np.uint8)]
)
def test_what_is_no_grey_image_is_not_sent(wrong: Any) -> None:
    with serving((200, completion("fine"))) as server, pytest.raises(DataError, match="no image"):
        model(server).ask("s", "u", None, [wrong])
    assert server.bodies == []


def test_an_image_is_known_again_by_its_pixels() -> None:
    assert digest(FILM) == digest(FILM.copy()) == digest(np.asfortranarray(FILM))
    other = FILM.copy()
    other[0, 0] += 1
    assert len({digest(FILM), digest(other), digest(FILM.reshape(4, 3)), digest(FILM.T)}) == 4


REFUSALS = [
    (400, b'{"error": {"message": "eyes is not a multimodal model"}}'),
    (400, b"no"),
    (415, b"{}"),
    (422, b"{}"),
    (413, b"{}"),
]


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("schema", [None, SCHEMA])
def test_a_server_without_eyes_is_told_as_that(refusal: tuple[int, bytes], schema: Any) -> None:
    with (
        serving(refusal) as server,
        pytest.raises(ImagesRefusedError, match="refused a question with images") as caught,
    ):
        model(server).ask("s", "u", schema, [FILM])
    assert "multimodal" not in str(caught.value)
    assert "image_model" in str(caught.value)
    assert len(server.bodies) == 1 + (schema is not None and refusal[0] == 400)


def test_a_fault_of_the_server_itself_is_no_refusal_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xhaim.llm.client._RETRIES", 0)
    with serving((500, b'{"error": {"message": "out of memory"}}')) as server, pytest.raises(UnreachableError):
        model(server).ask("s", "u", None, [FILM])
    llama = (  # word for word
        b'{"error":{"code":500,"message":"image input is not supported - hint: if this is unexpected, you may need to '
        b'provide the mmproj","type":"server_error"}}'
    )
    with serving((500, llama)) as server:
        with pytest.raises(ImagesRefusedError):
            model(server).ask("s", "u", None, [FILM])
        with pytest.raises(UnreachableError):  # the same answer to words alone is a fault
            model(server).ask("s", "u")


def test_a_400_to_words_alone_is_no_refusal_of_images() -> None:
    with serving((400, b'{"error": {"message": "image"}}')) as server, pytest.raises(BackendError) as caught:
        model(server).ask("s", "u")
    assert not isinstance(caught.value, ImagesRefusedError)


def test_a_server_that_refuses_only_the_schema_sees_the_image_again() -> None:
    with serving((400, b"{}"), (200, completion("{}"))) as server:
        assert model(server).ask("s", "u", SCHEMA, [FILM]).text == "{}"
    assert server.contents[0] == server.contents[1]
    assert "response_format" not in server.bodies[1]


def test_fifty_megabytes_about_an_image_are_not_read() -> None:
    with serving((200, completion("x" * 50_000_000))) as server, pytest.raises(UnusableReplyError, match="larger than"):
        model(server).ask("s", "u", None, [FILM])


REMOTE = LanguageModelSettings(
    url="https://models.example/v1", model="m", allow_remote=True,
    acknowledgement="I, A. Person, allow de-identified text to go to models.example for a test",
)  # fmt: skip


def test_pixels_go_to_no_host_that_is_not_trusted() -> None:
    inner = ScriptedModel(["seen"])
    with pytest.raises(PrivacyError, match="image was about to leave"):
        Gate(inner, -400).ask("s", "u", None, [FILM])
    assert inner.asked == []
    assert Gate(inner, -400).ask("s", "u", None, ()).text == "seen"
    system, user = inner.asked[0][:2]
    assert isinstance(system, Cleared)
    with pytest.raises(PrivacyError, match="image was about to leave"):
        OpenAICompatible(REMOTE).ask(system, user, None, [FILM])
    with pytest.raises(PrivacyError):
        Closed("m").ask("s", "u", None, [FILM])


def test_the_vision_model_has_its_own_name_and_place() -> None:
    plain = LanguageModelSettings(url="http://127.0.0.1:1/v1", model="m", max_output_tokens=100)
    assert plain.for_images() is None
    assert LanguageModelSettings(image_model="eyes").for_images() is None
    same = plain.model_copy(update={"image_model": "eyes"}).for_images()
    assert same is not None
    assert (same.url, same.model) == (plain.url, "eyes")
    assert same.max_output_tokens >= 1500
    other = LanguageModelSettings(image_model="eyes", image_url="http://127.0.0.1:2/v1").for_images()
    assert other is not None
    assert other.url == "http://127.0.0.1:2/v1"
    assert other.decisive() != same.decisive()
