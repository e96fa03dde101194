"""Whole logins against the provider on loopback: what the tests of both ways share."""

import json
import re
import sys
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx2
from fake_provider import CLIENT, SECRET
from made_up_served import HERE, PAGE, PASSWORD, add_account, make_app, make_client
from sqlalchemy import select

from xhaim.serve.access import COOKIE
from xhaim.serve.accounts import add
from xhaim.serve.app import create_app
from xhaim.serve.audit import AUDIT
from xhaim.serve.database import reading
from xhaim.serve.identities import identify, identities
from xhaim.serve.security import Rates
from xhaim.serve.settings import ServeSettings
from xhaim.serve.sso.chart import KINDS
from xhaim.serve.sso.client import Client

sys.path.append(str(Path(__file__).parents[1] / "run"))

from applied_run import applied_run

TOKEN = "the-access-token"
NEW = "new-1"


def oidc_app(folder, provider):
    """A server whose account ``ana`` is let in by this provider's word; nothing of it is remembered from before."""
    provider.reset()
    app = make_app(folder, settings=ServeSettings(oidc=Client(provider.address, CLIENT, SECRET)))
    database = app.state.database
    if not identities(database):
        add(database, "ana", "annotator", None)
        add(database, "paul", "clinician", PASSWORD)
    identify(database, "ana", provider.address, "sub", "person-7")
    return app


def oidc_go(app, after="/", browser=None):
    """Begin a login and let the provider answer; return the browser and where it is sent back to."""
    app.state.logins = Rates(1000)
    browser = browser or make_client(app)
    asked = browser.get("/oidc/login", params={"after": after}, headers=PAGE)
    assert asked.status_code == 303, asked.text
    answer = httpx2.get(asked.headers["location"])
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == f"{HERE}/oidc/callback"
    return browser, f"/oidc/callback?{back.query}"


def oidc_refused(app, status=401, path=None):
    """Log in, and check that nobody is: no session, a row that says why. Return the page and the row."""
    browser, back = oidc_go(app)
    page = browser.get(path(back) if path else back, headers=PAGE)
    assert page.status_code == status, page.text
    assert COOKIE not in browser.cookies
    assert browser.get("/annotate").status_code == 401
    row = rows(app)[-1]
    assert (row["login"], row["action"]) == ("nobody", "login refused")
    return page.text, json.loads(row["shown"])


def smart_settings(fhir, **more):
    return ServeSettings(smart=Client(fhir.base, CLIENT, SECRET), **more)


def fitted_app(folder, fhir, users, **settings):
    """A server of the tiny run that was fitted. ``users``: clinicians, and whom each may see."""
    root = applied_run().run.directory.root
    app = create_app(root, smart_settings(fhir, **settings), f"sqlite:///{folder / 'served.sqlite'}")
    for login, subjects in users.items():
        add_account(app, login, "clinician", subjects)
        identify(app.state.database, login, fhir.address, "fhirUser", f"{fhir.base}/Practitioner/{login}")
    return app


def go(app, fhir, query=None, browser=None):
    """Launch, and let the server answer; return the browser and the way back."""
    app.state.logins = Rates(1000)
    browser = browser or make_client(app)
    query = query if query is not None else f"?iss={quote(fhir.base)}&launch=abc"
    asked = browser.get(f"/smart/launch{query}", headers=PAGE)
    assert asked.status_code == 303, asked.text
    answer = httpx2.get(asked.headers["location"])
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == f"{HERE}/smart/callback"
    return browser, f"/smart/callback?{back.query}", parse_qs(urlsplit(asked.headers["location"]).query)


def land(app, fhir, query=None):
    """Launch to the end; return the browser and the page."""
    browser, back, _ = go(app, fhir, query)
    return browser, browser.get(back, headers=PAGE)


def rows(app):
    with reading(app.state.database) as connection:
        return [row._asdict() for row in connection.execute(select(AUDIT).order_by(AUDIT.c.number))]


def led_to(page):
    return re.search(r'content="0; url=([^"]+)"', page.text)[1]


def tell(fhir, bundle, most=2):
    """Let the server tell of a bundle's patient: search by type, ``most`` to a page."""
    resources = [one["resource"] for one in bundle["entry"]]
    (who,) = [one for one in resources if one["resourceType"] == "Patient"]
    fhir.chart[f"/fhir/Patient/{who['id']}"] = who
    for kind in KINDS:
        found = [one for one in resources if one["resourceType"] == kind]
        pages = [found[start : start + most] for start in range(0, len(found), most)] or [[]]
        address = f"/fhir/{kind}?patient={who['id']}&_count=500"
        for number, page in enumerate(pages):
            more = f"/fhir?pages={kind}-{number + 1}"
            link = [{"relation": "next", "url": f"{fhir.address}{more}"}] if number + 1 < len(pages) else []
            entries = [{"fullUrl": f"{fhir.base}/{kind}/{one['id']}", "resource": one} for one in page]
            fhir.chart[address] = {"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entries}
            address = more
