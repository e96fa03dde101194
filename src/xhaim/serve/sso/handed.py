"""What launches hand to the arrivals: a chart whole, then only what is new in it since the launch before."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Sequence

from fastapi import Request

from xhaim.serve import audit
from xhaim.serve.access import may_see
from xhaim.serve.accounts import User
from xhaim.serve.arrivals.folder import key_of
from xhaim.serve.arrivals.start import Arrivals
from xhaim.serve.arrivals.view import number_of
from xhaim.serve.sso.chart import Chart, Json, bundle_of

_MOST = 1000
"""Patients of whom it is remembered what was handed on."""
_TURN = threading.Lock()


class Handed:
    """Hashes of the resources that were handed on; a server that is started again hands them on once more."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, frozenset[str]] = OrderedDict()

    def fresh(self, key: str, resources: Sequence[Json]) -> list[Json]:
        """Return the resources of a patient's chart that were not handed on as they are."""
        known = self._known.get(key, frozenset())
        return [one for one in resources if _digest(one) not in known]

    def keep(self, key: str, resources: Sequence[Json]) -> None:
        """Remember a chart that was handed on."""
        self._known[key] = frozenset(map(_digest, resources))
        self._known.move_to_end(key)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)


def _digest(resource: Json) -> str:
    return hashlib.sha256(json.dumps(resource, sort_keys=True).encode()).hexdigest()[:32]


def hand_on(request: Request, user: User, arrivals: Arrivals, base: str, chart: Chart) -> str:
    """Give the arrivals what is new of a patient, and return the address of their page.

    Raises DataError where the arrivals do not take it, OSError where the disk is full, HTTPException (403) where the
    user may not see the patient.
    """
    handed: Handed = request.app.state.sso.handed
    key = key_of(f"Patient/{chart.resources[0]['id']}")
    with _TURN:  # two launches of one patient hand on the same once
        here = arrivals.desk.patient(key) is not None
        fresh = handed.fresh(key, chart.resources) if here else list(chart.resources)
        if fresh:
            body = bundle_of(base, fresh)
            patient = arrivals.desk.take(body, lambda subject: may_see(user, subject))
            handed.keep(key, chart.resources)
            told: audit.Shown = {"message": hashlib.sha256(body).hexdigest(), "number": patient.messages}
            audit.write(request.app.state.database, user.login, "arrived", number_of(patient.key), told)
    return f"/arrivals/{key}"
