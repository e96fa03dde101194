import json
import re
import stat
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from xhaim.config import LanguageModelSettings, SummarizeSettings
from xhaim.errors import PrerequisiteError
from xhaim.llm.client import OpenAICompatible
from xhaim.llm.dates import find_dates, moved, parts_of
from xhaim.llm.deidentify import Hidden, find
from xhaim.llm.fence import fence_all, nonce
from xhaim.llm.ledger import Ledger
from xhaim.llm.privacy import Cleared, Closed, Gate, PrivacyError, days_of, secret
from xhaim.llm.scripted import ScriptedModel
from xhaim.ports import Reply

NOTE = (
    "Patient: DOE, JANE. Mrs. Doe, a 93-year-old woman, was seen by Dr. John Smith on 03/04/2019 and 2019-03-09.\n"
    "MRN: 12345678. Phone (617) 555-1234, fax 617-555-9999, jane.doe@example.org. SSN 123-45-6789.\n"
    "Lives at 12 Oak Street, Springfield, MA 01103. Foley catheter placed; Parkinson's disease. WBC 12.5, BP 120/80."
)
SECRETS = (
    "DOE",
    "JANE",
    "Doe",
    "Smith",
    "93",
    "03/04",
    "2019",
    "12345678",
    "555",
    "jane",
    "6789",
    "Oak",
    "Springfield",
)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("name", "Dr. Gallagher saw him.", "Gallagher"),
        ("location", "He lives in Ulaanbaatar.", "Ulaanbaatar"),
        ("date", "Seen on 5 March 2019.", "5 March 2019"),
        ("phone", "Call 617-555-1234.", "617-555-1234"),
        ("fax", "Fax: 617-555-1234.", "617-555-1234"),
        ("email", "Mail j.d@example.org now.", "j.d@example.org"),
        ("ssn", "SSN 123-45-6789.", "123-45-6789"),
        ("mrn", "MRN: 1234567.", "1234567"),
        ("health plan", "Member ID: XYZ123456789.", "XYZ123456789"),
        ("account", "Account number 99887766.", "99887766"),
        ("licence", "License number A1234567.", "A1234567"),
        ("vehicle", "VIN 1HGCM82633A004352.", "1HGCM82633A004352"),
        ("device", "Pacemaker serial number PMK12-3456.", "PMK12-3456"),
        ("url", "See https://example.org/p/1 for it.", "https://example.org/p/1"),
        ("ip", "From 192.168.1.12 at noon.", "192.168.1.12"),
        ("biometric", "Fingerprint ID FP-12345678.", "FP-12345678"),
        ("photo", "Photo: IMG_1234.jpg", "IMG_1234.jpg"),
        ("other id", "Accession number: A12-345678.", "A12-345678"),
        ("age", "A 94-year-old man.", "94"),
    ],
)
def test_each_class_is_found_whole_and_nothing_beside_it(kind: str, text: str, value: str) -> None:
    assert [(one.kind, text[one.start : one.end]) for one in find(text, -400)] == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "Parkinson's disease, Foley catheter, Swan-Ganz, Glasgow Coma Scale 15, Child-Pugh B.",
        "Murphy's sign negative. Jackson-Pratt drain. Stevens-Johnson syndrome. Hodgkin lymphoma.",
        "Hemoglobin 9.2 g/dL, platelets 250000, BNP 12345, pH 7.35, BP 120/80, pain 8/10.",
        "Strength 5/5, 3/6 systolic murmur, 1/2 tablet daily, HIV 1/2, T12 fracture, L4-L5.",
        "Lisinopril 20 mg daily; heparin 5000 units. A 72-year-old man. SpO2 97% on 2 L, T 98.6 F.",
        "Patient ___ was seen by Dr. ___ on ___.",
    ],
)
def test_medicine_stays(text: str) -> None:
    assert Hidden(-400).hide([text]) == [text]


def test_nothing_of_a_note_is_left_but_its_medicine_and_all_comes_back() -> None:
    hidden = Hidden(-1000)
    (sent,) = hidden.hide([NOTE])
    assert [one for one in SECRETS if one in sent] == []
    assert "a 90+-year-old woman" in sent
    assert "06/07/2016 and 2016-06-12" in sent
    assert "Foley catheter placed; Parkinson's disease. WBC 12.5, BP 120/80." in sent
    assert hidden.restore(sent) == NOTE
    answer = json.dumps({"sentences": [{"text": sent, "chunks": [1]}]})
    assert json.loads(hidden.restore(answer))["sentences"][0] == {"text": NOTE, "chunks": [1]}


def test_the_same_person_has_one_mark_over_all_texts_of_a_prompt() -> None:
    one, two = Hidden(-400).hide(["Dr. Okafor called.", "Seen by Dr. Okafor and Dr. Volkov."])
    assert re.findall(r"\[NAME-\d\]", one + two) == ["[NAME-1]", "[NAME-1]", "[NAME-2]"]


def test_a_date_that_the_model_writes_in_another_form_comes_back_as_the_right_day() -> None:
    hidden = Hidden(-1000)
    (sent,) = hidden.hide(["CT on 2019-03-04."])
    assert sent == "CT on 2016-06-07."
    assert hidden.restore("CT on June 7, 2016.") == "CT on March 4, 2019."


def test_a_moved_date_that_could_be_taken_for_a_finding_becomes_a_mark() -> None:
    text = "CXR 3/4 shows an effusion. 12/30 systolic"
    days = (date(2000, 12, 30) - date(2000, 3, 4)).days
    hidden = Hidden(days)
    (sent,) = hidden.hide([text])
    assert sent == "CXR [DATE-1] shows an effusion. 12/30 systolic"
    assert hidden.restore(sent) == text


def test_a_note_cannot_forge_a_mark_that_brings_back_a_name() -> None:
    hidden = Hidden(-400)
    (sent,) = hidden.hide(["Write [NAME-1]. Dr. Volkov."])
    assert sent == "Write [NAME-1]. Dr. [NAME-2]."
    assert hidden.restore(sent) == "Write [NAME-1]. Dr. Volkov."


FORMS = ("%Y-%m-%d", "%m/%d/%Y", "%B %d, %Y", "%d %b %Y", "%d-%b-%Y", "%Y%m%d")


@given(st.dates(date(1950, 1, 1), date(2190, 1, 1)), st.dates(date(1950, 1, 1), date(2190, 1, 1)),
       st.sampled_from(FORMS), st.integers(-3653, -366))  # fmt: skip
@hypothesis_settings(deadline=None)
def test_days_move_alike_keep_their_order_and_form_and_come_back(one: date, two: date, form: str, days: int) -> None:
    def shift(text: str, by: int) -> str:
        ((start, end, match),) = find_dates(text)
        assert (start, end) == (0, len(text))
        new = moved(match, by)
        assert new is not None
        return new

    a, b = shift(one.strftime("%Y-%m-%d"), days), shift(two.strftime("%Y-%m-%d"), days)
    assert (date.fromisoformat(a) - date.fromisoformat(b)) == (one - two)
    text = one.strftime(form)
    back = shift(shift(text, days), -days)
    assert parts_of(find_dates(back)[0][2]) == (one.year, one.month, one.day)


PIECES = st.lists(
    st.sampled_from(
        [
            "Dr. Smith ", "on 3/4/2019 ", "since 3/4 ", "MRN 7654321 ", "[NAME-1] ", "90+ ", "a 95-year-old ",
            "call 617-555-1234 ", "No effusion. ", "\n", "John Doe, MD ",
            "<chart 01af 1 2150-01-02>\n",
            "12/31 ", "in 2012 ", "\u00e9 ", '"', "\\",
        ]
    ),
    max_size=12,
)  # fmt: skip


@given(PIECES, st.integers(-3653, -366))
@hypothesis_settings(deadline=None, max_examples=60)
def test_what_was_hidden_comes_back_word_for_word(pieces: list[str], days: int) -> None:
    text = "".join(pieces)
    hidden = Hidden(days)
    (sent,) = hidden.hide([text])
    for word in ("Smith", "7654321", "555-1234", "John", "95-year"):
        assert word not in sent
    assert hidden.restore(sent) == text
    wrapped = json.dumps({"sentences": [{"text": sent, "chunks": [1]}]})
    assert json.loads(hidden.restore(wrapped))["sentences"][0]["text"] == text


def test_the_fence_of_a_prompt_is_kept_and_its_dates_move() -> None:
    key = nonce("a")
    (sent,) = Hidden(-1000).hide([fence_all([(1, "2019-03-04", "Dr. Smith called."), (7, "2019-03-05", "Ok.")], key)])
    pieces = f"<chart {key} 1 2016-06-07>\nDr. [NAME-1] called.\n<chart {key} 7 2016-06-08>\nOk."
    assert sent == f"{pieces}\n</chart {key}>"


@pytest.mark.parametrize("mark", ["<chart 617-555-1234>", "<chart 6175551234 1>", "<chart 01af 6175551234>"])
def test_no_number_passes_as_a_mark_of_the_fence(mark: str) -> None:
    (sent,) = Hidden(-1000).hide([f"Call {mark} at night, tel. 617-555-1234 or 6175551234."])
    assert "5551234" not in sent.replace("-", "")


def test_no_text_holds_what_its_marks_are_known_by() -> None:
    every = "".join(f"{n:04X} " for n in range(0x10000))
    key = nonce("No effusion.", every)
    assert len(key) > 4
    assert key not in every.lower()
    assert nonce("No effusion.") == nonce("No effusion.") != nonce("No effusion. ")
    assert len(nonce("No effusion.")) == 4


def test_days_depend_on_the_patient_and_the_secret_alone() -> None:
    days = [days_of(n, b"x" * 32) for n in range(200)]
    assert days == [days_of(n, b"x" * 32) for n in range(200)]
    assert all(-3653 < one <= -366 for one in days)
    assert len(set(days)) > 150
    assert days != [days_of(n, b"y" * 32) for n in range(200)]


def test_the_secret_of_a_run_is_made_once_for_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XHAIM_PRIVACY_KEY", raising=False)
    path = tmp_path / "privacy.key"
    assert secret(path) == secret(path)
    assert len(secret(path)) == 64
    assert [stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()] == [0o600]
    assert secret(tmp_path / "other.key") != secret(path)
    monkeypatch.setenv("XHAIM_PRIVACY_KEY", "a-secret-of-the-hospital")
    assert secret(path) == b"a-secret-of-the-hospital"
    monkeypatch.setenv("XHAIM_PRIVACY_KEY", "short")
    with pytest.raises(PrerequisiteError, match="too short"):
        secret(path)


def test_behind_the_gate_the_model_and_the_ledger_see_no_identifier(tmp_path: Path) -> None:
    class Echo(ScriptedModel):
        def ask(self, system: str, user: str, schema: dict[str, Any] | None = None) -> Reply:
            self.asked.append((system, user, schema))
            return Reply(user, self.name, "stop", 1, 1, 0.0)

    model = Echo([])
    gate = Gate(Ledger(tmp_path / "ledger.sqlite", model), -1000)
    assert gate.ask("You are brief. Dr. Smith asks.", NOTE).text == NOTE
    system, user, _ = model.asked[0]
    assert isinstance(system, Cleared)
    assert isinstance(user, Cleared)
    stored = b"".join(one.read_bytes() for one in tmp_path.iterdir()).decode("latin-1")
    for text in (system + user, stored):
        assert [one for one in SECRETS if len(one) > 3 and one in text] == []


def remote() -> OpenAICompatible:
    settings = LanguageModelSettings(
        url="https://models.example/v1", model="m", allow_remote=True, timeout_s=1,
        acknowledgement="I, A. Person, allow de-identified text to go to models.example for a test",
    )  # fmt: skip
    return OpenAICompatible(settings)


class _Cleared(str):
    """Says what it is not."""


@pytest.mark.parametrize("wrap", [str, _Cleared])
def test_a_prompt_that_did_not_pass_the_gate_does_not_leave(monkeypatch: pytest.MonkeyPatch, wrap: type[str]) -> None:
    client = remote()
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(
        client, "_ask", lambda system, user, _: sent.append((system, user)) or Reply("x", "m", "stop", 1, 1, 0.0)
    )
    for system, user in ((wrap("s"), wrap("u")), (wrap("s" + NOTE), wrap(NOTE))):
        with pytest.raises(PrivacyError, match="did not pass"):
            client.ask(system, user)
        with pytest.raises(PrivacyError, match="did not pass"):
            client.ask(system, user, {"type": "object"})
    assert sent == []
    assert Gate(client, -1000).ask("s", NOTE).text == "x"
    assert len(sent) == 1
    assert [one for one in SECRETS if one in sent[0][1]] == []
    with pytest.raises(PrivacyError):  # what is made of cleared text is plain text again
        client.ask(Cleared.__str__(sent[0][0]) + " Dr. Smith", sent[0][1])


def test_nobody_calls_text_clear_by_hand() -> None:
    with pytest.raises(PrivacyError, match="by hand"):
        Cleared(NOTE)
    with pytest.raises(PrivacyError, match="whose record"):
        Closed("m").ask("s", "u")


def test_a_summary_through_the_gate_is_checked_and_cited_in_the_patients_own_words() -> None:
    from datetime import datetime

    from xhaim.records import Chunk, Evidence, ScoredChunk
    from xhaim.summarize.generative import generative
    from xhaim.task import load_task

    text = "Dr. Volkov noted a 2.5 cm left pleural effusion on 03/04/2150."
    at = datetime(2150, 3, 4)
    chunk = Chunk("d1:0-9", "d1", "cxr", "cxr", "", 0, len(text), text, at, at)
    evidence = Evidence("s1", "pleural_effusion", "cxr", (ScoredChunk(chunk, 1, 1, 1, 1, "q", None),), 1)

    class Remote(ScriptedModel):
        def ask(self, system: str, user: str, schema: dict[str, Any] | None = None) -> Reply:
            self.asked.append((system, user, schema))
            day = re.search(r"on (\d\d/\d\d/\d{4})", user)
            assert day is not None
            told = f"Dr. [NAME-1] noted a 2.5 cm left pleural effusion on {day[1]}."
            return Reply(json.dumps({"sentences": [{"text": told, "chunks": [1]}]}), "m", "stop", 1, 1, 0.0)

    model = Remote([])
    summary = generative(
        evidence, load_task("pleural_effusion"), Gate(model, -1000), lambda one: len(one.split()), SummarizeSettings()
    )
    assert [(one.text, one.chunk_ids) for one in summary.sentences] == [(text, ("d1:0-9",))]
    assert summary.dropped == 0
    assert "Volkov" not in str(model.asked)
    assert "2150" not in model.asked[0][1]
