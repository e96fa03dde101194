"""A server whose clock is wrong, or set back: logins end, and the audit log holds, by order and not by the clock."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from made_up_served import PAGE, add_account, make_app, make_client

from xhaim.serve import audit
from xhaim.serve.access import begin_session
from xhaim.serve.audit import verify

HOUR = 3600


@pytest.fixture
def app(tmp_path):
    app = make_app(tmp_path)
    add_account(app, "ann", "clinician")
    return app


def test_a_login_ends_at_its_hour_and_a_clock_that_was_set_back_ends_it_no_sooner(app, monkeypatch):
    browser = make_client(app, "ann")  # for one hour
    real = time.time
    for hours, status in ((0, 200), (0.9, 200), (1.1, 401), (0.5, 200), (-48, 200), (1.1, 401)):
        monkeypatch.setattr("xhaim.serve.access.time.time", lambda hours=hours: real() + hours * HOUR)
        assert browser.get("/", headers=PAGE).status_code == status, hours


def test_a_login_that_ended_is_swept_and_no_clock_brings_it_back(app, monkeypatch):
    browser = make_client(app, "ann")
    real = time.time
    monkeypatch.setattr("xhaim.serve.access.time.time", lambda: real() + 2 * HOUR)
    begin_session(app.state.database, "ann", 1)  # whoever logs in sweeps
    monkeypatch.setattr("xhaim.serve.access.time.time", real)
    assert browser.get("/", headers=PAGE).status_code == 401


def test_the_audit_log_is_a_chain_by_number_whatever_the_clock_says(app, monkeypatch):
    class Clock(datetime):
        hours = 0

        @classmethod
        def now(cls, tz=UTC):
            return datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(hours=cls.hours)

    monkeypatch.setattr("xhaim.serve.audit.datetime", Clock)
    numbers = []
    for hours in (0, 5, -72, 8766, 1):
        Clock.hours = hours
        numbers.append(audit.write(app.state.database, "ann", "patient", 7, {"hours": str(hours)}))
    assert numbers == list(range(numbers[0], numbers[0] + 5))
    assert verify(app.state.database).holds
