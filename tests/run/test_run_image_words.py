import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from xhaim.cohort.guard import admissible
from xhaim.config import LanguageModelSettings, RunSettings
from xhaim.errors import DataError
from xhaim.llm.client import OpenAICompatible
from xhaim.llm.ledger import FILE
from xhaim.llm.pictures import data_url
from xhaim.llm.privacy import PrivacyError
from xhaim.llm.scripted import ScriptedServer, Sent, serve
from xhaim.records import Image, Sample
from xhaim.run import image_words
from xhaim.run.context import Run
from xhaim.run.directory import RunDirectory, write_frame
from xhaim.run.image_words import KIND, beside, image_of, to_describe, with_image_words
from xhaim.run.known import Known
from xhaim.run.people import People
from xhaim.run.watch import Quiet
from xhaim.summarize.images import CHECKLIST
from xhaim.summarize.sight import ASKED, square
from xhaim.task import load_task

TASK = load_task("pleural_effusion")
T = datetime(2150, 1, 2, 12)
INDEX, OLDER, OLDEST, LATER, BROKEN = ("files/now.jpg", "files/1.jpg", "files/2.jpg", "files/later.jpg", "files/no.jpg")
FILMS = {path: np.full((4, 4), n, np.uint8) for n, path in enumerate((INDEX, OLDER, OLDEST, LATER))}
SHOWN = {data_url(pixels).partition(",")[2]: path for path, pixels in FILMS.items()}
SECRET = "LARGE LEFT EFFUSION"


class FakeStore:
    fingerprint = "f"

    def image(self, path: str) -> Any:
        if path not in FILMS:
            raise DataError("an image cannot be read")
        return FILMS[path]


def film(path: str, time: str, study: int, view: str | None = "AP", known: str | None = None) -> dict[str, Any]:
    return {"code": "IMAGE//CXR", "time": time, "known_at": known or time, "study_id": study, "title": view,
            "source": f"cxr#{path}", "image_path": path}  # fmt: skip


ROWS = (
    film(OLDEST, "2149-12-30T08:00:00", 1),
    film(OLDER, "2150-01-01T10:00:00", 2),
    film("files/side.jpg", "2150-01-01T11:00:00", 3, "LATERAL"),
    film("files/sibling.jpg", "2150-01-02T11:59:00", 9),
    film(INDEX, "2150-01-02T12:00:00", 9),
    film(LATER, "2150-01-02T12:00:01", 10),
    film(LATER, "2150-01-01T12:00:00", 11, known="2150-01-02T12:00:00"),
    {"code": "NOTE//cxr", "time": "2150-01-02T12:00:00", "known_at": "2150-01-02T12:30:00", "study_id": 9,
     "text_value": SECRET, "source": "report", "title": "CHEST"},
    {"code": "NOTE//radiology", "time": "2150-01-01T10:00:00", "known_at": "2150-01-01T12:00:00", "study_id": 2,
     "text_value": "Earlier report: clear lungs.", "source": "earlier", "title": "CHEST (PORTABLE AP)"},
)  # fmt: skip
AT_IMAGE = {"index_study_id": 9, "index_image_id": f"cxr#{INDEX}"}


@pytest.fixture
def begin(tmp_path: Path, events: Callable[..., pl.LazyFrame], samples: Callable[..., pl.DataFrame]) -> Any:
    """A run whose images may be described by the server at ``url``, and what was known in it."""

    def build(at: str | None, *rows: dict[str, Any], sample: dict[str, Any] = AT_IMAGE, **llm: Any) -> Any:
        who = samples(sample)
        door = LanguageModelSettings(image_model="eyes" if at else None, image_url=at, **llm)
        run = Run(
            RunDirectory.create(tmp_path / "run"),
            FakeStore(),
            RunSettings(tasks=(TASK.id,), llm=door),
            (TASK,),
            Quiet(),
        )  # type: ignore[arg-type]
        (run.directory.root / "manifest.json").write_text('{"layout": 1}')
        people = People("p", who, pl.DataFrame(), {}, {})
        known = run.policy_stage("admissible", "prior_only", "k")
        write_frame(known.path("00000.parquet"), admissible(events(*(rows or ROWS)), who, "prior_only"))
        return run, people, {"prior_only": known}

    return build


@pytest.fixture
def open_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the server without a ledger between."""
    monkeypatch.setattr(image_words, "language_model", lambda run: OpenAICompatible(run.settings.llm))


CORNER = {data_url(square(corner)).partition(",")[2]: json.dumps({"corner": corner}) for corner in ASKED}


def seeing(reply: str | Sent) -> Callable[[str, str], str | Sent]:
    """Pass the test of sight, then say ``reply``."""

    def answer(_: str, user: str) -> str | Sent:
        (first, *_rest) = images_of(user)
        return CORNER.get(first, reply)

    return answer


def images_of(user: str) -> list[str]:
    return re.findall(r"base64,([A-Za-z0-9+/=]+)", user)


def eyes(**found: object) -> Callable[[str, str], str | Sent]:
    every = {name: {"state": "not visible"} for name in CHECKLIST.values()} | {
        name.replace("_", " "): one for name, one in found.items()
    }
    return seeing(json.dumps(every))


EFFUSION = {"state": "present", "side": "left", "change": "larger"}
SAYS = "An image model sees: left pleural effusion, larger than on the chest X-ray of 1 Jan 2150 10:00."


def shown_to(server: ScriptedServer) -> list[list[str]]:
    """Return the films of every question but those of the test of sight."""
    asked = [images_of(user) for _, user in server.asked]
    return [[SHOWN[one] for one in images] for images in asked if images[0] not in CORNER]


def read(stage: Any, name: str = "00000.parquet") -> pl.DataFrame:
    return pl.read_parquet(stage.path(name))


@pytest.mark.usefixtures("open_door")
def test_the_index_image_is_described_beside_the_earlier_one_and_nothing_later(begin: Any) -> None:
    with serve(eyes(pleural_effusion=EFFUSION)) as server:
        run, people, known = begin(server.url)
        described = with_image_words(run, people, known)
    assert shown_to(server) == [[INDEX, OLDER]]
    system, user = server.asked[-1]
    assert not any(word in system + user for word in (SECRET, "clear lungs", "cxr#", "2150", "10-x"))
    before, after = (
        Known.read(known["prior_only"].path("00000.parquet")),
        Known.read(described["prior_only"].path("00000.parquet")),
    )
    assert after.events.height == before.events.height + 1
    assert after.events.columns == before.events.columns
    *others, words = sorted(after.documents["10-x"], key=lambda one: one.kind == KIND)
    assert others == list(before.documents["10-x"])
    assert (words.kind, words.text, words.study_id) == (KIND, SAYS, 9)
    assert words.title == "Chest X-ray (AP), described by the image model eyes, not by a radiologist"
    assert image_of(words.doc_id) == f"cxr#{INDEX}"
    assert image_of(others[0].doc_id) is None
    assert after.images == before.images
    assert words.time == T
    assert T - timedelta(seconds=1) < words.known_at < T


@pytest.mark.usefixtures("open_door")
def test_without_an_index_image_the_newest_known_one_is_described_and_known_when_it_was(begin: Any) -> None:
    with serve(eyes(fracture={"state": "absent"})) as server:
        run, people, known = begin(server.url, *ROWS[:2], ROWS[5], ROWS[6], sample={}, max_images=3)
        described = with_image_words(run, people, known)
    assert shown_to(server) == [[OLDER, OLDEST]]
    (document,) = Known(read(described["prior_only"])).documents["10-x"]
    assert document.text == "An image model sees no fracture."
    assert image_of(document.doc_id) == f"cxr#{OLDER}"
    assert document.time == document.known_at == datetime(2150, 1, 1, 10)


@pytest.mark.usefixtures("open_door")
def test_a_second_run_asks_nothing_and_ends_with_the_same_bytes(begin: Any) -> None:
    with serve(eyes(pleural_effusion=EFFUSION)) as server:
        run, people, known = begin(server.url)
        first = read(with_image_words(run, people, known)["prior_only"])
        again = read(with_image_words(run, people, known)["prior_only"])
    assert len(shown_to(server)) == 1
    assert first.equals(again)


@pytest.mark.usefixtures("open_door")
def test_a_server_without_eyes_is_told_once_and_the_run_goes_on_and_asks_again_another_time(begin: Any) -> None:
    blind = [True]
    sees = eyes(pleural_effusion=EFFUSION)

    def reply(system: str, user: str) -> str | Sent:
        return Sent(b'{"error": {"message": "no vision"}}', status=400) if blind[0] else sees(system, user)

    with serve(reply) as server:
        run, people, known = begin(server.url)
        assert with_image_words(run, people, known) is known
        assert len(server.asked) == 2  # with the schema, and with the schema in words
        assert len(run.watch.notes) == 1
        assert "refused a question with images" in run.watch.notes[0]
        blind[0] = False
        described = with_image_words(run, people, known)
    assert SAYS in read(described["prior_only"])["text_value"].to_list()


@pytest.mark.usefixtures("open_door")
@pytest.mark.parametrize("reply", ['{"corner": "top right"}', "It is in the top right corner.", '{"corner": "here"}'])
def test_a_model_that_is_not_shown_the_images_describes_none(begin: Any, reply: str) -> None:
    with serve(lambda system, user: reply) as server:
        run, people, known = begin(server.url)
        assert with_image_words(run, people, known) is known
    assert "does not see the images" in run.watch.notes[0]
    assert shown_to(server) == []


@pytest.mark.usefixtures("open_door")
@pytest.mark.parametrize("reply", ["no json", json.dumps({"image_id": "cxr#other"}), "<html>", "x" * 3_000_000])
def test_an_answer_that_cannot_be_used_leaves_a_reason_and_no_document(begin: Any, reply: str) -> None:
    with serve(seeing(reply)) as server:
        run, people, known = begin(server.url)
        described = with_image_words(run, people, known)
    assert len(shown_to(server)) == 2
    assert read(described["prior_only"]).equals(read(known["prior_only"]))
    row = pl.read_parquet(run.directory.root / "image_words" / "00000.parquet").row(0, named=True)
    assert (row["text"], row["image_id"]) == (None, f"cxr#{INDEX}")
    assert row["reason"]
    assert len(run.watch.notes) == 1


@pytest.mark.usefixtures("open_door")
def test_images_that_cannot_be_read_and_samples_without_any_are_accounted_for(begin: Any) -> None:
    with serve(eyes(pleural_effusion={"state": "present"})) as server:
        run, people, known = begin(server.url, film(BROKEN, "2150-01-01T10:00:00", 2), film(INDEX, f"{T:%FT%T}", 9))
        with_image_words(run, people, known)
        assert shown_to(server) == [[INDEX]]  # without the earlier one
        rows = pl.read_parquet(run.directory.root / "image_words" / "00000.parquet")
        assert rows.row(0, named=True)["compared_with"] == []
    with serve(eyes()) as server:
        nobody = begin(server.url, ROWS[2], sample={})
        described = with_image_words(*nobody)
    assert shown_to(server) == []
    assert read(described["prior_only"]).equals(read(nobody[2]["prior_only"]))
    (row,) = pl.read_parquet(run.directory.root / "image_words" / "00000.parquet").iter_rows(named=True)
    assert (row["image_id"], row["text"], row["reason"]) == (None, None, "no frontal image was known")


def test_without_a_vision_model_nothing_changes(begin: Any) -> None:
    run, people, known = begin(None, url="http://127.0.0.1:9/v1", model="words-only")
    assert with_image_words(run, people, known) is known


def test_pixels_are_not_sent_to_a_host_that_is_not_trusted(begin: Any) -> None:
    run, people, known = begin(
        "https://models.example/v1",
        allow_remote=True,
        acknowledgement="I, A. Person, allow de-identified text to go to models.example for a test",
    )
    with pytest.raises(PrivacyError, match="image was about to leave"):
        with_image_words(run, people, known)


def image(image_id: str, hours: float, study: int | None, view: str | None = "AP", known: float | None = None) -> Image:
    time = T - timedelta(hours=hours)
    return Image(image_id, image_id, view, time, T - timedelta(hours=hours if known is None else known), study)


SAMPLE = Sample("s", 1, 2, 3, T, 9, "i")


def test_which_images_are_shown() -> None:
    index = image("i", 0, 9)
    earlier = [image("a", 30, 1), image("b", 20, 2), image("c", 20, 2), image("side", 1, 3, "LATERAL")]
    sibling = image("sibling", 0.1, 9)
    twin = image("i", 40, 4)  # a source key may recur in another study
    found = to_describe(SAMPLE, [*earlier, sibling, twin, index])
    assert [(one.image_id, one.study_id) for one in found] == [("i", 9), ("c", 2), ("a", 1), ("i", 4)]
    assert found == to_describe(SAMPLE, [index, twin, sibling, *earlier[::-1]])
    landmark = Sample("s", 1, 2, 3, T)
    assert [one.image_id for one in to_describe(landmark, [*earlier])] == ["c", "a"]
    assert to_describe(landmark, [earlier[-1]]) == []
    assert to_describe(landmark, []) == []


@pytest.mark.parametrize("late", [image("x", 0, 5), image("x", -1, 5), image("x", 2, 5, known=0), image("i", 0, 8)])
def test_an_image_known_only_at_the_prediction_stops_the_run(late: Image) -> None:
    with pytest.raises(DataError, match="known only at or after the prediction"):
        to_describe(SAMPLE, [image("i", 0, 9), late])


def test_a_description_stands_by_its_own_image_only(begin: Any) -> None:
    frame = read(begin(None)[2]["prior_only"])
    said = {"sample_id": "10-x", "image_id": f"cxr#{INDEX}", "image_path": INDEX, "time": T, "compared_with": [],
            "model": "eyes", "text": SAYS, "dropped": 0, "reason": None}  # fmt: skip
    for changed in ({}, {"text": None}, {"time": T - timedelta(hours=1)}, {"sample_id": "other"}, {"image_path": "x"}):
        words = pl.DataFrame([said | changed], schema=image_words.IMAGE_WORDS_SCHEMA)
        assert beside(frame, words).height == frame.height + (not changed)


def test_through_the_ledger_an_image_is_asked_about_once_and_no_pixel_is_stored(begin: Any) -> None:
    with serve(eyes(pleural_effusion=EFFUSION)) as server:
        run, people, known = begin(server.url)
        with_image_words(run, people, known)
        (run.directory.root / "image_words" / "00000.parquet").unlink()
        with_image_words(run, people, known)
        assert len(server.asked) == len(ASKED) + 1
        FILMS[INDEX][0, 0] += 1  # another image, and the same words: asked again
        try:
            (run.directory.root / "image_words" / "00000.parquet").unlink()
            with_image_words(run, people, known)
        finally:
            FILMS[INDEX][0, 0] -= 1
    assert len(server.asked) == len(ASKED) + 2
    assert b"iVBOR" not in (run.directory.root / FILE).read_bytes()
