"""For tests of arrivals: a server with a folder of them over the tiny run, and messages made by hand."""

import sys
import time
from pathlib import Path

from made_up_bundle import note, packed, value

from xhaim.serve.app import create_app
from xhaim.serve.arrivals.folder import key_of
from xhaim.serve.settings import ServeSettings

sys.path.append(str(Path(__file__).parents[1] / "run"))  # its tiny run is made once for both folders of tests

from applied_run import TASKS, applied_run

FINDING, LOS = TASKS
FHIR = {"content-type": "application/fhir+json"}
WHO, HERE = {"reference": "Patient/new-1"}, {"reference": "Encounter/adm"}
KEY = key_of("Patient/new-1")
LATER = "Septic shock, now on noradrenaline. Lactate 9.1 and rising."


def serve(folder, run=None, **settings):
    run = run or applied_run().run.directory.root
    chosen = ServeSettings(arrivals=folder / "arrivals", **settings)
    return create_app(run, chosen, f"sqlite:///{folder / 'served.sqlite'}")


def of(*resources, kind="collection"):
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": one} for one in resources]}


def new_note(number=8, text=LATER, who=WHO):
    return note(number, text, who, HERE)


def new_value(hour, number):
    return value(hour, number, WHO, HERE)


def send(client, message, address="", method="POST", **headers):
    body = message if isinstance(message, bytes) else packed(message)
    return client.request(method, f"/api/v1/arrivals{address}", content=body, headers=FHIR | headers)


def until_read(client, key=KEY, seconds=60):
    """Return what is told of a patient once all messages were read."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        told = client.get(f"/api/v1/arrivals/{key}").json()
        if told.get("reading") is False:
            return told
        time.sleep(0.02)
    raise AssertionError(f"not read in {seconds} s: {told}")


def arrived(client, *messages, key=KEY):
    for one in messages:
        answer = send(client, one)
        assert answer.status_code == 202, answer.text
    return until_read(client, key)
