"""Login by OpenID Connect against a provider on loopback: the whole way, and who has an account."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from fake_provider import CLIENT, SECRET, ec_key, fake_provider, rsa_key
from made_up_served import HERE, PAGE, PASSWORD, make_client, token_of
from sso_visits import oidc_app, oidc_go, oidc_refused, rows

from xhaim.errors import DataError
from xhaim.serve.access import COOKIE
from xhaim.serve.accounts import check, lock
from xhaim.serve.audit import verify
from xhaim.serve.identities import identify, identities
from xhaim.serve.login import WAY
from xhaim.serve.sso.entry import FLOW
from xhaim.serve.sso.start import begin


@pytest.fixture(scope="module")
def provider():
    with fake_provider() as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("oidc")


@pytest.fixture
def app(folder, provider):
    return oidc_app(folder, provider)


@pytest.mark.parametrize("kind", ["RS256", "ES256"])
def test_whom_the_provider_vouches_for_has_the_session_of_their_account(app, provider, kind):
    provider.keys = {"one": rsa_key("one")} if kind == "RS256" else {"one": ec_key("one")}
    browser, back = oidc_go(app, "/annotate/next")
    assert browser.cookies.get(FLOW)
    page = browser.get(back, headers=PAGE)
    assert page.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/annotate/next">' in page.text
    cookies = {one.partition("=")[0]: one.lower() for one in page.headers.get_list("set-cookie")}
    assert all(part in cookies[COOKIE] for part in ("httponly", "samesite=strict", "path=/", "max-age=43200"))
    assert "max-age=0" in cookies[FLOW]
    assert browser.get("/annotate").status_code == 200
    assert browser.get("/cohort").status_code == 403  # the role is the account's
    row = rows(app)[-1]
    assert (row["login"], row["action"], json.loads(row["shown"])) == ("ana", "login", {"by": "oidc"})
    assert verify(app.state.database).holds


def test_what_is_asked_is_no_more_than_it_needs_and_no_secret_goes_by_the_browser(app, provider):
    browser = make_client(app)
    answer = browser.get("/oidc/login?after=/annotate")
    asked = {name: one[0] for name, one in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert asked["scope"] == "openid email"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"] == f"{HERE}/oidc/callback"
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    cookie = answer.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=lax", "path=/oidc", "max-age=600"))
    assert len({asked["state"], asked["nonce"], browser.cookies[FLOW]}) == 3
    again = parse_qs(urlsplit(browser.get("/oidc/login").headers["location"]).query)
    assert not {again[name][0] for name in ("state", "nonce", "code_challenge")} & set(asked.values())
    oidc_go(app)
    assert SECRET not in str(provider.asked)


def test_a_secret_goes_in_the_form_only_where_the_provider_takes_it_no_other_way(app, provider):
    browser, back = oidc_go(app)
    browser.get(back)
    assert "client_secret" not in provider.forms[-1]
    app.state.sso = begin(app.state.settings)
    provider.said = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    browser, back = oidc_go(app)
    assert browser.get(back).status_code == 200
    assert provider.forms[-1]["client_secret"] == SECRET


@pytest.mark.parametrize(
    "after", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", ""]
)
def test_a_login_leads_to_our_pages_only(app, after):
    browser, back = oidc_go(app, after)
    page = browser.get(back, headers=PAGE)
    assert 'content="0; url=/">' in page.text
    assert "evil" not in page.text


def test_the_first_page_is_that_of_the_role(app):
    browser, back = oidc_go(app, "/")
    assert 'url=/annotate">' in browser.get(back, headers=PAGE).text


def test_logging_out_leads_to_the_provider_who_began_it_and_ends_our_session_first(app, provider):
    browser, back = oidc_go(app)
    browser.get(back)
    session = browser.cookies[COOKIE]
    left = browser.post("/logout", headers=PAGE | {"x-csrf-token": token_of(browser, app)})
    assert left.status_code == 200
    assert f"url={provider.address}/leave?client_id={CLIENT}&amp;post_logout_redirect_uri=" in left.text
    assert "Signed in as" not in left.text
    assert (COOKIE in browser.cookies, WAY in browser.cookies) == (False, False)
    browser.cookies.set(COOKIE, session, domain="127.0.0.1")
    assert browser.get("/annotate").status_code == 401


def test_who_logged_in_by_a_password_is_not_led_to_the_provider(app, provider):
    browser = make_client(app)
    assert browser.post("/login", data={"login": "paul", "password": PASSWORD}).status_code == 303
    left = browser.post("/logout", headers={"x-csrf-token": token_of(browser, app)})
    assert (left.status_code, left.headers["location"]) == (303, "/login")


def test_somebody_without_an_account_is_told_what_to_ask_for_and_written_down(app, provider):
    provider.claims = {"sub": "<b>person-9</b>"}
    page, why = oidc_refused(app, 403)
    assert "sub=&lt;b&gt;person-9&lt;/b&gt;" in page
    assert why == {"by": "oidc", "why": "no account", "subject": "<b>person-9</b>"}


def test_a_locked_account_is_not_let_in_until_it_is_again(app, provider):
    lock(app.state.database, "ana")
    _, why = oidc_refused(app, 403)
    assert why["why"] == "no account"
    identify(app.state.database, "ana", provider.address, "sub", "person-7")
    browser, back = oidc_go(app)
    assert browser.get(back).status_code == 200


def test_a_session_ends_when_an_account_is_locked_or_found_by_another_claim(app, provider):
    for end in (lambda: lock(app.state.database, "ana"),
                lambda: identify(app.state.database, "ana", provider.address, "sub", "person-8")):  # fmt: skip
        browser, back = oidc_go(app)
        browser.get(back)
        assert browser.get("/annotate").status_code == 200
        end()
        assert browser.get("/annotate").status_code == 401
        identify(app.state.database, "ana", provider.address, "sub", "person-7")


def test_an_email_is_believed_where_the_issuer_has_verified_it(app, provider):
    identify(app.state.database, "ana", provider.address, "email", "ana@hospital.example")
    for verified in (None, False, "true", 1):
        provider.claims = {"email": "ana@hospital.example", "email_verified": verified}
        oidc_refused(app, 403)
    provider.claims = {"email": "ana@hospital.example", "email_verified": True}
    browser, back = oidc_go(app)
    assert browser.get(back).status_code == 200


def test_the_same_claim_of_another_issuer_is_somebody_else(app, provider):
    identify(app.state.database, "paul", "https://other.example", "sub", "person-8")
    provider.claims = {"sub": "person-8"}
    oidc_refused(app, 403)


def test_the_same_value_of_another_claim_is_somebody_else(app, provider):
    identify(app.state.database, "paul", provider.address, "upn", "person-8")
    provider.claims = {"sub": "person-8"}
    oidc_refused(app, 403)


def test_claims_that_go_with_two_accounts_let_nobody_in(app, provider):
    identify(app.state.database, "paul", provider.address, "upn", "ana@x")
    provider.claims = {"upn": "ana@x"}
    oidc_refused(app, 403)


def test_what_lets_accounts_in_is_listed_and_one_claim_is_of_one_account(app, provider):
    identify(app.state.database, "paul", provider.address, "sub", "person-5")
    with pytest.raises(DataError, match="another account"):
        identify(app.state.database, "ana", provider.address, "sub", "person-5")
    found = {
        (one.login, one.claim, one.value) for one in identities(app.state.database) if one.issuer == provider.address
    }
    assert found == {("ana", "sub", "person-7"), ("paul", "sub", "person-5")}
    for login, issuer, *claim in (
        ("nobody", provider.address, "sub", "x"),
        ("ana", "not an address", "sub", "x"),
        ("ana", provider.address, "s b", "x"),
        ("ana", provider.address, "sub", ""),
    ):
        with pytest.raises(DataError):
            identify(app.state.database, login, issuer, *claim)


def test_an_account_without_a_password_is_let_in_by_none(app):
    for password in ("!", "", "there is no such account", PASSWORD):
        assert not check(app.state.database, "ana", password)
    assert check(app.state.database, "paul", PASSWORD)
