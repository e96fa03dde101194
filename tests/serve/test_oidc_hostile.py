"""Login by OpenID Connect: states, codes and tokens that are not the answer to what was asked."""

import base64
import hmac
import json
import time
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from fake_provider import CLIENT, ec_key, fake_provider, rsa_key
from made_up_served import PAGE, make_client
from sso_visits import (
    oidc_app,
    oidc_go,
    oidc_refused,
)

from xhaim.serve.access import COOKIE
from xhaim.serve.sso import flows, remembered
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


def test_a_state_that_is_not_this_browsers_or_was_used_lets_nobody_in(app):
    browser, back = oidc_go(app)
    stranger = make_client(app)
    assert stranger.get(back, headers=PAGE).status_code == 400  # a login that somebody else began
    assert COOKIE not in stranger.cookies
    assert browser.get(back, headers=PAGE).status_code == 400  # and which is spent now
    browser, back = oidc_go(app)
    flow = browser.cookies[FLOW]
    assert browser.get(back).status_code == 200
    again = make_client(app)
    again.cookies.set(FLOW, flow, domain="127.0.0.1")
    assert again.get(back, headers=PAGE).status_code == 400
    assert COOKIE not in again.cookies
    for changed in ("?code=x", "?state=x&code=x", "", "?state=&code="):
        assert oidc_refused(app, 400, lambda _, changed=changed: f"/oidc/callback{changed}")[1]["why"] == "state"


def test_a_state_is_good_for_ten_minutes(app, monkeypatch):
    browser, back = oidc_go(app)
    now = time.monotonic()
    monkeypatch.setattr(flows.time, "monotonic", lambda: now + 601)
    assert browser.get(back, headers=PAGE).status_code == 400


def test_logins_under_way_are_not_kept_without_end(monkeypatch):
    monkeypatch.setattr(flows, "_MOST_FLOWS", 3)
    kept = flows.Flows()
    begun = [kept.begin("oidc", "/") for _ in range(5)]
    found = [kept.end("oidc", one.state, one.browser) is not None for one in begun]
    assert found == [False, False, True, True, True]
    one = kept.begin("oidc", "/")
    assert kept.end("smart", one.state, one.browser) is None


def test_a_code_is_redeemed_once_by_who_asked_for_it(app, provider):
    _, back = oidc_go(app)
    spent = parse_qs(urlsplit(back).query)["code"][0]
    provider.codes.pop(spent)
    _, why = oidc_refused(app, 401, lambda path: path.replace(parse_qs(urlsplit(path).query)["code"][0], spent))
    assert why["why"] == "code"


def test_a_code_of_another_login_is_not_taken(app):
    """An attacker's code with the victim's state: the victim's verifier does not go with it."""
    _, attackers = oidc_go(app)
    code = parse_qs(urlsplit(attackers).query)["code"][0]
    _, why = oidc_refused(app, 401, lambda path: path.replace(parse_qs(urlsplit(path).query)["code"][0], code))
    assert why["why"] == "code"


def test_the_provider_may_refuse_and_nothing_that_it_says_is_shown(app):
    page, why = oidc_refused(
        app, 401, lambda path: path.replace("code=", "error=access_denied&error_description=%3Cb%3Ebad&x=")
    )
    assert "did not let you in" in page
    assert "bad" not in page
    assert why["why"] == "refused there"


NOW = int(time.time())


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": 7}, "nonce"),
        ({"aud": "another-client"}, "audience"),
        ({"aud": [7]}, "audience"),
        ({"aud": [CLIENT, "another-client"]}, "audience"),
        ({"aud": [CLIENT, "another-client"], "azp": "another-client"}, "audience"),
        ({"azp": "another-client"}, "audience"),
        ({"iss": "https://other.example"}, "issuer"),
        ({"iss": None}, "a claim is missing"),
        ({"exp": NOW - 3600}, "expired"),
        ({"exp": None}, "a claim is missing"),
        ({"exp": "soon"}, "not a token"),
        ({"exp": 1e400}, "not a token"),
        ({"iat": NOW + 3600}, "from the future"),
        ({"iat": None}, "a claim is missing"),
        ({"nbf": NOW + 3600}, "from the future"),
        ({"sub": None}, "a claim is missing"),
        ({"sub": 7}, "not a token"),
        ({"sub": ""}, "subject"),
        ({"sub": "x" * 256}, "subject"),
    ],
)
def test_a_token_that_is_not_the_answer_to_this_question_is_not_believed(app, provider, claims, why):
    provider.claims = claims
    page, row = oidc_refused(app)
    assert "cannot be trusted" in page
    assert row == {"by": "oidc", "why": f"token: {why}"}


@pytest.mark.parametrize("skew", [-45, 45])
def test_clocks_may_differ_a_little(app, provider, skew):
    now = int(time.time()) + skew
    provider.claims = {"iat": now, "nbf": now, "exp": now + 30}
    browser, back = oidc_go(app)
    assert browser.get(back).status_code == 200


def test_a_token_for_several_is_believed_where_it_names_us_as_who_asked(app, provider):
    provider.claims = {"aud": [CLIENT, "another"], "azp": CLIENT}
    browser, back = oidc_go(app)
    assert browser.get(back).status_code == 200


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned(header, claims, signature=""):
    return f"{part(header)}.{part(claims)}.{signature}"


def signed(claims, key, algorithm="RS256", kid="one", **header):
    return jwt.encode(claims, key, algorithm, headers={"kid": kid, **header})


def by_public_key(claims):
    """HS256 whose secret is the provider's public key, which everybody has."""
    from cryptography.hazmat.primitives import serialization

    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    made = unsigned({"alg": "HS256", "kid": "one"}, claims)[:-1]
    digest = hmac.new(rsa_key("one").public_key().public_bytes(*form), made.encode(), "sha256").digest()
    return f"{made}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    ("sign", "why"),
    [
        (lambda claims: unsigned({"alg": "none"}, claims), "algorithm"),
        (lambda claims: unsigned({"alg": "None", "kid": "one"}, claims), "algorithm"),
        (lambda claims: unsigned({"kid": "one"}, claims), "algorithm"),
        (lambda claims: unsigned({"alg": ["RS256"], "kid": "one"}, claims), "not a token"),
        (by_public_key, "algorithm"),
        (lambda claims: signed(claims, rsa_key("two")), "signature"),
        (lambda claims: signed(claims, rsa_key("one"), "PS256"), "algorithm"),
        (lambda claims: signed(claims, ec_key("one"), "ES256"), "unknown key"),
        (lambda claims: signed(claims, rsa_key("one"), kid="zzz"), "unknown key"),
        (lambda claims: signed(claims, rsa_key("one"), crit=["x"]), "not a token"),
        (lambda claims: signed(claims, rsa_key("one"))[:-8] + "AAAAAAAA", "signature"),
        (lambda _: "a.b", "not a token"),
        (lambda _: "", "not a token"),
        (lambda _: "ü.ü.ü", "not a token"),
        (lambda _: "x" * 200_000, "not a token"),
        (lambda _: 7, "no ID token"),
        (lambda _: None, "no ID token"),
    ],
)  # fmt: skip
def test_a_token_that_this_provider_did_not_sign_is_not_believed(app, provider, sign, why):
    provider.sign = sign
    assert oidc_refused(app)[1]["why"] == f"token: {why}"


def test_a_short_key_and_a_published_private_one_prove_nothing(app, provider):
    provider.keys = {"one": rsa_key("short")}
    assert oidc_refused(app)[1]["why"] in {"token: key too short", "token: not a token"}
    provider.keys = {"one": rsa_key("one")}
    app.state.sso = begin(app.state.settings)
    private = jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key("one"), as_dict=True)
    provider.jwks = lambda: {"keys": [{**private, "kid": "one"}, "not a key", {"kty": "oct", "k": "eA", "kid": "one"}]}
    try:
        assert oidc_refused(app)[1]["why"] == "token: unknown key"
    finally:
        del provider.jwks


def test_a_token_without_a_kid_is_believed_where_there_is_one_key(app, provider):
    provider.sign = lambda claims: jwt.encode(claims, rsa_key("one"), "RS256")
    browser, back = oidc_go(app)
    assert browser.get(back).status_code == 200
    app.state.sso = begin(app.state.settings)
    provider.keys = {"one": rsa_key("one"), "two": rsa_key("two")}
    assert oidc_refused(app)[1]["why"] == "token: unknown key"


def test_a_new_key_of_the_provider_is_found_and_asked_for_once_a_minute_at_most(app, provider, monkeypatch):
    browser, back = oidc_go(app)
    browser.get(back)
    provider.keys, provider.kid = {"two": rsa_key("two")}, "two"
    asked = lambda: sum(path == "/jwks" for path, _ in provider.asked)  # noqa: E731
    before = asked()
    assert oidc_refused(app)[1]["why"] == "token: unknown key"  # asked for a moment ago: not yet again
    assert asked() == before
    monkeypatch.setattr(remembered, "AGAIN_S", 0.0)
    browser, back = oidc_go(app)
    assert browser.get(back).status_code == 200
    assert asked() == before + 1
    monkeypatch.setattr(remembered, "AGAIN_S", 60.0)
    provider.sign = lambda claims: jwt.encode(claims, rsa_key("two"), "RS256", headers={"kid": "made up"})
    for _ in range(3):
        oidc_refused(app)
    assert asked() == before + 1


def test_a_withdrawn_key_is_believed_no_longer_than_an_hour(app, provider, monkeypatch):
    browser, back = oidc_go(app)
    browser.get(back)
    provider.published = {"two": rsa_key("two")}
    monkeypatch.setattr(remembered, "KEEP_S", 0.0)
    monkeypatch.setattr(remembered, "AGAIN_S", 0.0)
    assert oidc_refused(app)[1]["why"] == "token: unknown key"


def test_an_answer_that_names_another_issuer_is_of_another_provider(app, provider):
    assert oidc_refused(app, 401, lambda path: f"{path}&iss=https%3A%2F%2Fother.example")[1]["why"] == "token: issuer"
    browser, back = oidc_go(app)
    assert browser.get(f"{back}&iss={provider.address}").status_code == 200
    app.state.sso = begin(app.state.settings)
    provider.said = {"authorization_response_iss_parameter_supported": True}
    assert oidc_refused(app)[1]["why"] == "token: issuer"
