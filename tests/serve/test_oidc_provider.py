"""Login by OpenID Connect: a provider that is down or does wrong, and how one is set."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from fake_provider import CLIENT, SECRET, dripping, elsewhere, fake_provider, huge
from made_up_served import HERE, PAGE, PASSWORD, make_app, make_client
from sso_visits import oidc_app, oidc_go

from xhaim.errors import BackendError, DataError, PrerequisiteError
from xhaim.serve.access import COOKIE
from xhaim.serve.app import create_app
from xhaim.serve.database import open_database, reading
from xhaim.serve.security import Rates
from xhaim.serve.settings import ServeSettings
from xhaim.serve.sso import fetch
from xhaim.serve.sso.client import Client, given, is_safe
from xhaim.serve.sso.entry import FLOW


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


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "https://other.example"},
        {"issuer": None},
        {"authorization_endpoint": None},
        {"token_endpoint": "http://elsewhere.example/token"},
        {"token_endpoint": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": ["x"]},
        {"end_session_endpoint": "https://a@evil.example/"},
    ],
)
def test_a_provider_that_says_wrong_of_itself_is_not_asked(app, provider, said, caplog):
    provider.said = said
    app.state.logins = Rates(1000)
    page = make_client(app).get("/oidc/login", headers=PAGE)
    assert page.status_code == 503
    assert "does not answer as it should" in page.text
    assert "Password" in page.text
    assert "127.0.0.1: the " in caplog.text  # whoever looks after the server is told what is wrong


def test_a_provider_elsewhere_may_not_name_this_machine():
    from xhaim.serve.sso.provider import _address

    said = {"token_endpoint": "http://127.0.0.1:1/token"}
    with pytest.raises(fetch.AnswerError):
        _address(said, "token_endpoint", "https://idp.example")
    assert _address(said, "token_endpoint", "http://localhost:9") == said["token_endpoint"]


@pytest.mark.parametrize(
    "broken", [huge, dripping, elsewhere("/jwks"), lambda one: one.json([]), lambda one: one.json({}, 500)]
)
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/jwks"])
def test_an_answer_that_is_huge_slow_or_elsewhere_lets_nobody_in_and_local_logins_go_on(
    app, provider, broken, path, monkeypatch
):
    limits = fetch.Limits
    monkeypatch.setattr(fetch, "Limits", lambda *given: limits(*given) if given else limits(0.4, 300_000))
    provider.instead = {path: broken}
    app.state.logins = Rates(1000)
    browser = make_client(app)
    asked = browser.get("/oidc/login", headers=PAGE)
    if asked.status_code == 303:
        back = urlsplit(httpx2.get(asked.headers["location"]).headers["location"])
        asked = browser.get(f"/oidc/callback?{back.query}", headers=PAGE)
    assert asked.status_code in {503, 401}
    assert COOKIE not in browser.cookies
    assert browser.post("/login", data={"login": "paul", "password": PASSWORD}).status_code == 303


def test_what_is_asked_has_an_end_in_bytes_and_time_and_goes_nowhere_else(app, provider):
    provider.instead = {"/large": lambda one: one.json(["x" * 1000]), "/drip": dripping, "/there": elsewhere("/jwks")}
    get = lambda path, *limits: fetch.get(f"{provider.address}{path}", "x/y", "", fetch.Limits(*limits))  # noqa: E731
    assert len(get("/large", 5.0, 1004)) == 1004
    with pytest.raises(fetch.AnswerError, match="too large"):
        get("/large", 5.0, 1003)
    with pytest.raises(BackendError, match="takes too long"):
        get("/drip", 0.3, 1_000_000)
    with pytest.raises(fetch.AnswerError, match="302"):
        get("/there", 5.0, 1_000_000)
    assert "/jwks" not in [path for path, _ in provider.asked]


def test_a_provider_that_is_down_is_not_asked_by_everybody(folder, monkeypatch):
    settings = ServeSettings(oidc=Client("http://127.0.0.1:9", CLIENT))
    app = make_app(folder, settings=settings)
    asked = []
    real = fetch._ask
    monkeypatch.setattr(fetch, "_ask", lambda *given: asked.append(given) or real(*given))
    browser = make_client(app)
    pages = [browser.get("/oidc/login", headers=PAGE) for _ in range(4)]
    assert {one.status_code for one in pages} == {503}
    assert len(asked) == 1
    assert browser.post("/login", data={"login": "paul", "password": PASSWORD}).status_code == 303


def test_beginning_and_coming_back_are_counted_for_each_address(app):
    for path, right in (("/oidc/login", 303), ("/oidc/callback?state=x&code=x", 400)):
        app.state.logins = Rates(3)
        codes = [make_client(app).get(path, headers=PAGE).status_code for _ in range(5)]
        assert codes == [right] * 3 + [429, 429]


def test_without_a_provider_the_routes_are_not_there(tmp_path):
    browser = make_client(make_app(tmp_path))
    for path in ("/oidc/login", "/oidc/callback", "/smart/launch", "/smart/callback"):
        assert browser.get(path).status_code == 404
    assert "Log in with" not in browser.get("/login", headers=PAGE).text


def test_where_a_provider_is_set_nobody_is_let_in_without_a_login(tmp_path, provider):
    settings = ServeSettings(oidc=Client(provider.address, CLIENT))
    app = make_app(tmp_path, settings=settings)
    assert make_client(app).get("/annotate").status_code == 401
    assert make_client(make_app(tmp_path)).get("/annotate").status_code == 200


def test_off_loopback_a_provider_counts_as_login_and_needs_a_name_and_tls(tmp_path, provider):
    client = Client(provider.address, CLIENT)
    open_ = ServeSettings(host="0.0.0.0", behind_tls=True, names=("xhaim.example",))
    with pytest.raises(PrerequisiteError, match="no accounts"):
        make_app(tmp_path, settings=open_)
    app = make_app(tmp_path, settings=replace(open_, oidc=client))
    assert app.state.sso.oidc.callback == "https://xhaim.example/oidc/callback"
    with pytest.raises(DataError, match="send a browser back"):
        make_app(tmp_path, settings=replace(open_, oidc=client, names=()))
    with pytest.raises(PrerequisiteError, match="in clear"):
        make_app(tmp_path, settings=replace(open_, oidc=client, behind_tls=False))


def test_only_the_provider_lets_in_where_that_is_set(app, provider):
    only = create_app(app.state.run, replace(app.state.settings, oidc_only=True), app.state.database)
    browser = make_client(only)
    page = browser.get("/login", headers=PAGE).text
    assert "Password" not in page
    assert "Log in with 127.0.0.1" in page
    assert browser.post("/login", data={"login": "paul", "password": PASSWORD}).status_code == 403
    browser, back = oidc_go(only)
    assert browser.get(back).status_code == 200
    with pytest.raises(DataError, match="nobody could log in"):
        ServeSettings(oidc_only=True)


def test_a_browser_that_asked_by_another_name_is_led_to_ours_and_the_host_header_decides_nothing(app):
    browser = make_client(app)
    led = browser.get("/oidc/login?after=/annotate", headers={"host": "localhost:8080"})
    assert (led.status_code, led.headers["location"]) == (303, f"{HERE}/oidc/login?after=/annotate")
    assert FLOW not in browser.cookies
    assert browser.get("/oidc/login", headers={"host": "evil.example"}).status_code == 400


def test_without_its_packages_it_says_what_to_install(tmp_path, provider, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(PrerequisiteError, match=r"xhaim\[oidc\]"):
        make_app(tmp_path, settings=ServeSettings(oidc=Client(provider.address, CLIENT)))
    assert make_app(tmp_path) is not None  # nothing else needs them


def test_what_is_set_is_checked_and_the_secret_is_in_no_message(tmp_path):
    hosts = ("idp.example:99999", "idp.example\\@evil", "ü.example", "", "a:b@idp.example", "idp.example/#x", "h/?x=1")
    for address in ("http://idp.example", "ftp://idp.example", "idp.example", *(f"https://{one}" for one in hosts)):
        with pytest.raises(DataError):
            Client(address, CLIENT)
    assert is_safe("https://idp.example/realms/h")
    assert is_safe("http://[::1]:8080/")
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    client = Client.of("https://idp.example", CLIENT, file)
    assert client.secret == SECRET
    assert SECRET not in repr(ServeSettings(oidc=client))
    for broken in (b"", b"\xff\xfe", b"x" * 5000):
        file.write_bytes(broken)
        with pytest.raises(DataError, match="secret"):
            Client.of("https://idp.example", CLIENT, file)
    with pytest.raises(DataError, match="secret"):
        Client.of("https://idp.example", CLIENT, tmp_path / "none")
    with pytest.raises(DataError, match="client id"):
        Client("https://idp.example", "")
    assert given("oidc", None, None, None) is None
    assert given("oidc", "https://idp.example", CLIENT, None) == Client("https://idp.example", CLIENT)
    for client_id, secret in ((CLIENT, None), (None, file)):
        with pytest.raises(DataError, match="--oidc-client"):
            given("oidc", None, client_id, secret)


def test_no_token_code_or_secret_is_kept_or_logged(app, provider, caplog):
    caplog.set_level("DEBUG", "xhaim")
    browser, back = oidc_go(app)
    code = parse_qs(urlsplit(back).query)["code"][0]
    browser.get(back)
    database = open_database(str(app.state.database.url))
    with reading(database) as connection:
        kept = "".join(
            str(connection.exec_driver_sql(f'SELECT * FROM "{name}"').all())
            for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").all()
        )
    for secret in (code, SECRET, "the-access-token", browser.cookies[COOKIE]):
        assert secret not in kept
        assert secret not in caplog.text
