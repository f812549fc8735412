"""Bearer tokens: what is taken with `--oauth basic`, and the identity that gives them out."""

import base64
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx
import pytest
from azure.batch import BatchClient
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from batch_emulator.__main__ import main

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
BATCH = "https://batch.core.windows.net/"


@dataclass(frozen=True)
class In:
    """A time, from that of the test on."""

    seconds: int


def a_token(**changes):
    """A token as Entra makes them, but for the signature; a claim of None is left out."""
    now = int(time.time())
    claims = {
        "aud": BATCH, "iss": f"https://sts.windows.net/{TENANT}/", "iat": now, "nbf": now,
        "exp": now + 3600, "tid": TENANT, "ver": "1.0", **changes,
    }  # fmt: skip
    claims = {
        name: now + value.seconds if isinstance(value, In) else value
        for name, value in claims.items()
        if value is not None
    }
    return ".".join([encoded({"alg": "RS256", "typ": "JWT"}), encoded(claims), "c2lnbmVk"])


def encoded(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Given:
    """A credential that gives one token, whatever it is."""

    def __init__(self, token):
        self.token = token

    def get_token(self, *scopes, **rest):  # noqa: ARG002
        return AccessToken(self.token, int(time.time()) + 3600)


@pytest.fixture(scope="module")
def running(certificate):
    from batch_emulator.process import start

    options = ("--boot-time=0.05", "--oauth=basic", *certificate.options)
    with start(*options, trust=str(certificate.ca)) as running:
        yield running


@pytest.fixture(scope="module")
def http(running):
    with httpx.Client(trust_env=False, verify=trusted(running), base_url=running.endpoint) as http:
        yield http


def trusted(running):
    import ssl

    return ssl.create_default_context(cafile=running.trust)


def ask(http, token):
    headers = {"authorization": f"Bearer {token}"}
    return http.get("/jobs?api-version=2025-06-01", headers=headers)


TAKEN = [
    {},
    {"aud": "https://batch.core.windows.net"},
    {"aud": "https://batch.core.windows.net//"},
    {"aud": "https://batch.core.usgovcloudapi.net/"},
    {"aud": "ddbf3205-c6bd-46ae-8127-60eb93363864"},
    {"iss": f"https://login.microsoftonline.com/{TENANT}/v2.0"},
    {"iss": f"https://login.microsoftonline.us/{TENANT}/v2.0"},
    {"iss": f"https://sts.chinacloudapi.cn/{TENANT}/"},
    {"nbf": In(200)},
    {"exp": In(-200)},
]


@pytest.mark.parametrize("changes", TAKEN, ids=str)
def test_tokens_of_entra_are_taken(http, changes):
    assert ask(http, a_token(**changes)).status_code == 200


REFUSED = [
    ({"aud": "https://storage.azure.com/"}, "Audience"),
    ({"aud": "https://batch.core.windows.net.evil.example/"}, "Audience"),
    ({"aud": [BATCH]}, "Audience"),
    ({"aud": None}, "Audience"),
    ({"iss": f"https://sts.windows.net.evil.example/{TENANT}/"}, "Issuer"),
    ({"iss": "https://sts.windows.net/"}, "Issuer"),
    ({"iss": f"http://sts.windows.net/{TENANT}/"}, "Issuer"),
    ({"iss": 7}, "Issuer"),
    ({"iss": None}, "Issuer"),
    ({"nbf": In(3600)}, "not yet valid"),
    ({"exp": In(-3600)}, "expired"),
    ({"exp": None}, "no exp"),
    ({"nbf": "soon"}, "no nbf"),
    ({"exp": True}, "no exp"),
    ({"exp": float("nan")}, "no exp"),
    ({"exp": float("inf")}, "no exp"),
    ({"exp": 10**400}, "no exp"),
]


@pytest.mark.parametrize(("changes", "reason"), REFUSED, ids=str)
def test_tokens_that_are_not_for_the_service_are_refused(http, changes, reason):
    answer = ask(http, a_token(**changes))
    assert (answer.status_code, answer.json()["code"]) == (401, "AuthenticationFailed")
    (detail,) = answer.json()["values"]
    assert detail["key"] == "AuthenticationErrorDetail"
    assert reason in detail["value"]
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith("Bearer authorization_uri=")


HEAD = encoded({"alg": "RS256"})
NO_TOKENS = [
    "x", "a.b", "a.b.c", "a.b.c.d", "..", f"{HEAD}..x", f"{HEAD}.{encoded(b'[]')}.x",
    f"{HEAD}.{encoded(b'[' * 9000)}.x", f"{HEAD}.{encoded(b'{')}.x", f"{HEAD}.!!!.x",
    f"{HEAD}.{encoded(bytes([255, 254]))}.x", "x." + a_token().split(".", 1)[1],
]  # fmt: skip


@pytest.mark.parametrize("token", NO_TOKENS)
def test_what_is_no_token_is_refused(http, token):
    assert ask(http, token).status_code == 401


def test_a_request_without_credentials_is_asked_for_a_token(http):
    answer = http.get("/jobs?api-version=2025-06-01")
    assert answer.status_code == 401
    assert f'resource_id="{BATCH}"' in answer.headers["www-authenticate"]


def test_keys_are_taken_beside_tokens(running, emulator, signed):
    assert signed(running, "GET", "/jobs").status_code == 200


def test_a_token_does_not_open_the_admin_interface(http):
    answer = http.get("/admin/clock", headers={"authorization": f"Bearer {a_token()}"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic realm=")


def test_the_client_works_with_any_token_credential_and_tells_of_refusals(running):
    with BatchClient(running.endpoint, Given(a_token()), connection_verify=running.trust) as client:
        assert list(client.list_jobs()) == []
    old = Given(a_token(exp=In(-3600)))
    with (
        BatchClient(running.endpoint, old, connection_verify=running.trust) as client,
        pytest.raises(ClientAuthenticationError) as caught,
    ):
        list(client.list_jobs())
    assert caught.value.status_code == 401


def test_the_token_s_time_is_real_whatever_the_clock_says(running, http):
    from datetime import timedelta

    token = a_token()
    running.admin.advance(timedelta(days=30))
    assert ask(http, token).status_code == 200


def test_without_the_option_tokens_are_not_taken(emulator, certificate):
    batch = emulator(*certificate.options, trust=str(certificate.ca))
    with httpx.Client(verify=trusted(batch.running), base_url=batch.running.endpoint) as http:
        answer = ask(http, a_token())
        assert (answer.status_code, answer.json()["code"]) == (400, "InvalidAuthenticationInfo")
        identity = http.get("/admin/identity/token", headers={"x-identity-header": ""})
        assert (identity.status_code, identity.json()["code"]) == (400, "InvalidUri")
    assert batch.running.identity == {}


def test_an_account_may_refuse_keys(emulator, certificate, signed):
    options = ("--oauth=basic", "--no-shared-key", *certificate.options)
    batch = emulator(*options, trust=str(certificate.ca))
    answer = signed(batch.running, "GET", "/jobs")
    assert (answer.status_code, answer.json()["code"]) == (403, "AuthenticationFailed")
    assert "SharedKey is not allowed for this account" in answer.text
    with httpx.Client(verify=trusted(batch.running), base_url=batch.running.endpoint) as http:
        assert ask(http, a_token()).status_code == 200


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--oauth=basic"], "over https only"),
        (["--no-shared-key"], "nothing would be left"),
        (["--oauth=basic", "--host=0.0.0.0", "--key=new"], "loopback only"),
    ],
)
def test_options_that_would_not_be_safe(capsys, options, reason):
    assert main(["serve", "--port=0", *options]) == 1
    assert reason in capsys.readouterr().err


def identity(http, running, secret=None, **query):
    asked = {"api-version": "2019-08-01", "resource": BATCH, **query}
    headers = {"X-IDENTITY-HEADER": secret or running.identity["IDENTITY_HEADER"]}
    url = f"{running.identity['IDENTITY_ENDPOINT']}?{urlencode(asked)}"
    return http.get(url, headers=headers)


def test_the_identity_gives_tokens_that_are_taken(http, running):
    given = identity(http, running).json()
    assert (given["resource"], given["token_type"]) == (BATCH, "Bearer")
    assert 86_000 < int(given["expires_on"]) - time.time() <= 86_400
    assert ask(http, given["access_token"]).status_code == 200


def test_a_token_for_something_else_is_not_taken_here(http, running):
    given = identity(http, running, resource="https://storage.azure.com/").json()
    assert "Audience" in ask(http, given["access_token"]).text


def test_a_user_assigned_identity_is_told_apart(http, running):
    given = identity(http, running, client_id=TENANT).json()
    claims = json.loads(base64.urlsafe_b64decode(given["access_token"].split(".")[1] + "=="))
    assert given["client_id"] == claims["appid"] == TENANT


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"secret": "wrong"}, 401), ({"secret": "é"}, 401), ({"api-version": "2017-09-01"}, 400),
     ({"resource": ""}, 400), ({"resource": "a b"}, 400), ({"client_id": "x y"}, 400)],
)  # fmt: skip
def test_the_identity_refuses_in_app_service_s_form(http, running, changes, status):
    changes = {k: v.encode() if k == "secret" else v for k, v in changes.items()}
    answer = identity(http, running, **changes)
    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)
    assert answer.json()["message"]


def test_the_secret_is_new_at_every_start_and_no_task_has_it(running, emulator, certificate):
    options = ("--boot-time=0.05", "--oauth=basic", *certificate.options)
    batch = emulator(*options, trust=str(certificate.ca))
    secret = batch.running.identity["IDENTITY_HEADER"]
    assert len(secret) == 32
    assert secret != running.identity["IDENTITY_HEADER"]
    job = batch.job()
    assert secret not in batch.text(job, batch.run("/usr/bin/env", job).id)


PROGRAM = """
import sys
from azure.batch import BatchClient
from azure.identity import DefaultAzureCredential
with DefaultAzureCredential() as credential, BatchClient(sys.argv[1], credential) as client:
    print([job.id for job in client.list_jobs()])
"""


def test_an_unmodified_default_azure_credential_finds_it(running, signed):
    job = {"id": "by-key", "poolInfo": {"poolId": "none"}}
    assert signed(running, "POST", "/jobs", json=job).status_code == 201
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, running.endpoint],
        env={**keep, **running.identity, "REQUESTS_CA_BUNDLE": running.trust},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("['by-key']\n", 0), done.stderr
