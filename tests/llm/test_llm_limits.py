import threading
import time

import pytest

from xhaim.errors import BackendError
from xhaim.llm.ledger import Ledger
from xhaim.llm.limits import Limited, StoppedError, UnreachableError, each
from xhaim.llm.scripted import ScriptedModel
from xhaim.ports import Reply


class Server:
    """Answers or fails as told; counts."""

    name = "m"

    def __init__(self, *well: bool) -> None:
        self.well, self.asked = list(well), 0

    def ask(self, system: str, user: str, schema: object = None) -> Reply:
        self.asked += 1
        if not (self.well.pop(0) if self.well else True):
            raise UnreachableError("gone")
        return Reply("yes", "m", "stop", 6, 4, 0.0)


def asked(limited: Limited) -> str:
    try:
        return limited.ask("s", "u").text
    except BackendError as error:
        return error.what


def test_calls_and_tokens_are_bounded_and_say_what_to_do() -> None:
    limited = Limited(Server(), max_calls=2)
    assert [asked(limited), asked(limited)] == ["yes", "yes"]
    with pytest.raises(StoppedError, match=r"max_calls=2[\s\S]*raise it"):
        limited.ask("s", "u")
    tokens = Limited(Server(), max_total_tokens=15)
    assert [asked(tokens), asked(tokens)] == ["yes", "yes"]
    with pytest.raises(StoppedError, match="20 tokens"):
        tokens.ask("s", "u")


def test_what_the_ledger_holds_is_free(tmp_path) -> None:
    server = Server()
    ledger = Ledger(tmp_path / "l.sqlite", Limited(server, max_calls=1))
    assert [ledger.ask("s", "u").text for _ in range(3)] == ["yes"] * 3
    with pytest.raises(StoppedError):
        ledger.ask("s", "other")
    assert ledger.totals()["attempts"] == 1
    assert server.asked == 1


def test_the_breaker_opens_after_faults_in_a_row_and_closes_after_an_answer() -> None:
    server = Server(False, False, True, False, False, False, True)
    limited = Limited(server, failures=3, pause_s=0.02)
    assert [asked(limited) for _ in range(6)] == ["gone", "gone", "yes", "gone", "gone", "gone"]
    begun = time.monotonic()
    assert asked(limited) == "yes"
    assert time.monotonic() - begun >= 0.02
    assert asked(limited) == "yes"


def test_a_server_that_stays_away_stops_the_run() -> None:
    server = Server(*[False] * 99)
    limited = Limited(server, failures=2, pause_s=0.001, trials=3)
    assert [asked(limited) for _ in range(5)] == ["gone"] * 5
    for _ in range(2):
        with pytest.raises(StoppedError, match="does not answer"):
            limited.ask("s", "u")
    assert server.asked == 5


def test_an_unusable_answer_is_no_fault_of_the_server() -> None:
    limited = Limited(ScriptedModel([BackendError("empty")] * 9 + ["yes"]), failures=2, pause_s=60)
    assert [asked(limited) for _ in range(10)] == ["empty"] * 9 + ["yes"]


def test_many_at_a_time_keep_their_order_and_their_number() -> None:
    under_way, most, lock = 0, 0, threading.Lock()

    def work(n: int) -> int:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.005 * (n % 3))
        with lock:
            under_way -= 1
        return n * n

    seen: list[tuple[int, int]] = []
    assert each(work, range(20), 4, lambda done, total: seen.append((done, total))) == [n * n for n in range(20)]
    assert 2 <= most <= 4
    assert seen[-1] == (20, 20)
    assert each(work, range(3), 1) == [0, 1, 4]


def test_the_first_error_ends_the_work_and_nothing_new_is_begun() -> None:
    begun: list[int] = []

    def work(n: int) -> int:
        begun.append(n)
        if n == 2:
            raise StoppedError("spent")
        time.sleep(0.01)
        return n

    with pytest.raises(StoppedError, match="spent"):
        each(work, range(200), 4)
    assert len(begun) < 50
