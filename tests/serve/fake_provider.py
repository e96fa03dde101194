"""An OpenID provider and a FHIR server on loopback, with keys of its own, that does wrong where a test tells it to."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

CLIENT, SECRET = "xhaim-here", "s3cret: of 100 % & more"
HERE = "http://127.0.0.1:8080"


@cache
def rsa_key(name):
    return rsa.generate_private_key(public_exponent=65537, key_size=1024 if name == "short" else 2048)


@cache
def ec_key(name):
    return ec.generate_private_key(ec.SECP256R1())


def jwk(kid, key, **more):
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **more}


class Fake(ThreadingHTTPServer):
    """One server that is both: its issuer is ``address``, its FHIR base ``address/fhir``."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answering)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.base = f"{self.address}/fhir"
        self.callbacks = {f"{HERE}/oidc/callback", f"{HERE}/smart/callback"}
        self.codes, self.asked, self.forms = {}, [], []
        self.reset()

    def reset(self):
        """Behave well."""
        self.said, self.smart_said, self.claims, self.header, self.token = {}, {}, {}, {}, {}
        self.kid, self.keys, self.published = "one", {"one": rsa_key("one")}, None
        self.sign, self.instead, self.chart, self.public = None, {}, {}, False
        self.asked.clear()
        self.forms.clear()

    def discovery(self):
        found = {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/jwks",
            "end_session_endpoint": f"{self.address}/leave",
        } | self.said
        return {name: value for name, value in found.items() if value is not None}

    def smart(self):
        more = {
            "code_challenge_methods_supported": ["S256"],
            "capabilities": ["launch-ehr", "launch-standalone", "permission-v2", "sso-openid-connect"],
        }
        found = {**self.discovery(), **more, **self.smart_said}
        return {name: value for name, value in found.items() if value is not None}

    def id_token(self, grant):
        now = int(time.time())
        claims = {"iss": self.address, "sub": "person-7", "aud": CLIENT, "iat": now, "exp": now + 300}
        claims |= {"nonce": grant["nonce"], **self.claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.sign is not None:
            return self.sign(claims)
        key = self.keys[self.kid]
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        return jwt.encode(claims, key, algorithm, headers={"kid": self.kid, **self.header})

    def jwks(self):
        published = self.published if self.published is not None else self.keys
        return {"keys": [jwk(kid, key) for kid, key in published.items()]}


class Answering(BaseHTTPRequestHandler):
    """What it answers."""

    protocol_version = "HTTP/1.0"

    def log_message(self, *_):
        pass

    def do_GET(self):
        fake, parts = self.server, urlsplit(self.path)
        fake.asked.append((self.path, self.headers.get("authorization", "")))
        if parts.path in fake.instead:
            return fake.instead[parts.path](self)
        if parts.path == "/.well-known/openid-configuration":
            return self.json(fake.discovery())
        if parts.path == "/fhir/.well-known/smart-configuration":
            return self.json(fake.smart())
        if parts.path == "/jwks":
            return self.json(fake.jwks())
        if parts.path in {"/authorize", "/yes"}:
            return self.authorize({name: one[0] for name, one in parse_qs(parts.query).items()})
        if parts.path.startswith("/fhir/") and self.headers.get("authorization") != "Bearer the-access-token":
            return self.json({"resourceType": "OperationOutcome"}, 401)
        return self.json(fake.chart.get(self.path, {"resourceType": "Bundle"}))

    def authorize(self, asked):
        right = asked["client_id"] == CLIENT and asked["redirect_uri"] in self.server.callbacks
        if not right or asked["code_challenge_method"] != "S256" or "openid" not in asked["scope"].split():
            return self.json({"error": "invalid_request"}, 400)
        code = secrets.token_urlsafe(8)
        self.server.codes[code] = asked
        self.send_response(302)
        self.send_header("location", f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")
        return self.end_headers()

    def do_POST(self):
        fake = self.server
        form = {
            name: one[0]
            for name, one in parse_qs(self.rfile.read(int(self.headers["content-length"])).decode()).items()
        }
        fake.forms.append(form)
        if self.path in fake.instead:
            return fake.instead[self.path](self)
        grant = fake.codes.pop(form.get("code"), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if grant is None or grant["code_challenge"] != proof or grant["redirect_uri"] != form.get("redirect_uri"):
            return self.json({"error": "invalid_grant"}, 400)
        if not self.knows_us(form):
            return self.json({"error": "invalid_client"}, 401)
        told = {
            "access_token": "the-access-token",
            "token_type": "Bearer",
            "id_token": fake.id_token(grant),
        } | fake.token
        return self.json({name: value for name, value in told.items() if value is not None})

    def knows_us(self, form):
        if self.server.public:
            return form.get("client_id") == CLIENT and not self.headers.get("authorization")
        pair = base64.b64encode(f"{quote_plus(CLIENT)}:{quote_plus(SECRET)}".encode()).decode()
        return self.headers.get("authorization") == f"Basic {pair}" or form.get("client_secret") == SECRET

    def json(self, found, status=200):
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def fake_provider():
    server = Fake()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def huge(answering):
    """Answer without end."""
    answering.send_response(200)
    answering.end_headers()
    try:
        while True:
            answering.wfile.write(b" " * 100_000)
    except OSError:
        pass


def dripping(answering):
    """Answer byte by byte, more slowly than anybody waits."""
    answering.send_response(200)
    answering.end_headers()
    try:
        for _ in range(200):
            answering.wfile.write(b" ")
            answering.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


def elsewhere(address):
    def redirect(answering):
        answering.send_response(302)
        answering.send_header("location", address)
        answering.end_headers()

    return redirect
