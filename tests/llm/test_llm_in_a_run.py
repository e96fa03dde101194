from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from xhaim.config import LanguageModelSettings
from xhaim.errors import BackendError
from xhaim.llm.ledger import Ledger
from xhaim.llm.privacy import Gate, PrivacyError
from xhaim.run.words import language_model

REMOTE = LanguageModelSettings(
    url="https://models.example/v1", model="m", allow_remote=True,
    acknowledgement="I, A. Person, allow de-identified text to go to models.example for a test",
)  # fmt: skip


def run(root: Path, llm: LanguageModelSettings) -> Any:
    return SimpleNamespace(settings=SimpleNamespace(llm=llm), directory=SimpleNamespace(root=root))


def test_a_model_on_this_machine_is_asked_through_one_ledger(tmp_path: Path) -> None:
    local = run(tmp_path, LanguageModelSettings(url="http://127.0.0.1:9/v1", model="m"))
    assert isinstance(language_model(local), Ledger)
    assert language_model(local) is language_model(local, 7)
    assert language_model(run(tmp_path, LanguageModelSettings())) is None
    assert not (tmp_path / "privacy.key").exists()


def test_a_remote_model_is_asked_through_the_gate_of_one_patient_or_not_at_all(tmp_path: Path) -> None:
    gates = [language_model(run(tmp_path, REMOTE), subject) for subject in (7, 7, 8)]
    assert all(isinstance(one, Gate) for one in gates)
    assert gates[0] == gates[1]
    assert gates[0] != gates[2]
    nobody = language_model(run(tmp_path, REMOTE))
    assert nobody is not None
    with pytest.raises(PrivacyError, match="whose record"):
        nobody.ask("s", "u")


def test_without_an_acknowledgement_nothing_is_opened(tmp_path: Path) -> None:
    silent = REMOTE.model_copy(update={"acknowledgement": None})
    with pytest.raises(BackendError, match="acknowledgement"):
        language_model(run(tmp_path, silent), 7)
    assert list(tmp_path.iterdir()) == []
