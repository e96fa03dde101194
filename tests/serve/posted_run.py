"""A server of the tiny run that was fitted, for the tests of what is posted to it: made once for all their files."""

import sys
import tempfile
from functools import cache
from pathlib import Path

from made_up_bundle import packed
from made_up_served import add_account, make_client

from xhaim.serve.app import create_app

sys.path.append(str(Path(__file__).parents[1] / "run"))  # its tiny run is made once for both folders of tests

from applied_run import TASKS, applied_run

FHIR = {"content-type": "application/fhir+json"}
FINDING, LOS = TASKS


@cache
def served():
    database = f"sqlite:///{tempfile.mkdtemp(prefix='xhaim-posted-')}/served.sqlite"
    app = create_app(applied_run().run.directory.root, None, database)
    add_account(app, "all", "clinician")
    return app


@cache
def ehr():
    return make_client(served(), "all")


def post(bundle, address="", **headers):
    body = bundle if isinstance(bundle, bytes) else packed(bundle)
    return ehr().post(f"/api/v1/fhir{address}", content=body, headers=FHIR | headers)
