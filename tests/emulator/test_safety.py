"""Hostile requests: nothing is done that was not signed, and limits hold."""

import base64
import secrets
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import urlsplit

import httpx
import pytest

from batch_emulator.__main__ import main
from raw_http import answers, connect, push, read_all, signed_head

VERSION = "api-version=2025-06-01"


# --- What is signed is what is done ---


def replay(answer, url=None, method=None, headers=()):
    """A request that was sent, once more, with something in it changed and its old signature."""
    request = answer.request
    with httpx.Client(trust_env=False, verify=False) as client:  # noqa: S501 - plain http
        return client.request(
            method or request.method,
            url or request.url,
            headers=[*request.headers.multi_items(), *headers],
        )


def test_a_signature_is_for_one_request_only(batch):
    job = batch.job("none")
    sent = batch.raw("GET", f"/jobs/{job}")
    url, end = str(sent.request.url), batch.running.endpoint
    assert replay(sent).status_code == 200
    changed = [
        replay(sent, url.replace(job, "other")),
        replay(sent, url.replace("/jobs/", "/JOBS/")),
        replay(sent, f"{url}&$select=id"),
        replay(sent, f"{end}/jobs/{job}?{VERSION}-1"),
        replay(sent, method="DELETE"),
        replay(sent, headers=[("if-match", "*")]),
        replay(sent, headers=[("ocp-range", "bytes=0-1")]),
    ]
    assert {answer.json()["code"] for answer in changed} == {"AuthenticationFailed"}
    assert batch.client.get_job(job).state == "active"


def test_a_replay_works_no_longer_than_the_clock_s_tolerance(batch):
    old = datetime.now(UTC) - timedelta(minutes=14, seconds=58)
    sent = batch.raw("GET", "/jobs?maxresults=1", date=format_datetime(old, usegmt=True))
    assert sent.status_code == 200
    batch.until(lambda: replay(sent).status_code, lambda status: status == 403)


@pytest.mark.parametrize(
    "added", ["&maxresults=2", "&MaxResults=2", "&maxresults=", "&%6daxresults=2"]
)
def test_a_parameter_that_is_there_twice_is_refused(batch, added):
    """A signature covers the first; most programs take the last."""
    sent = batch.raw("GET", "/jobs?maxresults=1")
    answer = replay(sent, f"{sent.request.url}{added}")
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidQueryParameterValue")


@pytest.mark.parametrize("name", ["if-none-match", "ocp-date", "authorization"])
def test_a_header_that_is_there_twice_is_refused(batch, name):
    sent = batch.raw("GET", "/jobs", headers={"if-none-match": '"x"'})
    answer = replay(sent, headers=[(name, "*")])
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidHeaderValue")


def test_headers_that_proxies_repeat_are_not(batch):
    sent = batch.raw("GET", "/jobs", headers={"via": "1.1 a"})
    assert replay(sent, headers=[("via", "1.1 b")]).status_code == 200


def test_a_line_break_does_not_make_one_parameter_of_two(batch):
    sent = batch.raw("GET", "/jobs?$filter=id%20eq%20'a'")
    assert sent.status_code == 200
    joined = f"/jobs?$filter=id%20eq%20'a'%0Aapi-version:2025-06-01&{VERSION}"
    answer = replay(sent, batch.running.endpoint + joined)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidQueryParameterValue")


def test_a_line_break_does_not_make_a_path_of_a_path_and_a_query(batch):
    sent = batch.raw("GET", "/jobs/a")
    url = f"{batch.running.endpoint}/jobs/a%0Aapi-version:2025-06-01"
    assert replay(sent, url).json()["code"] == "AuthenticationFailed"


@pytest.mark.parametrize(
    "date",
    ["x", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Mon, 01 Jan 2024 00:00:00 +99999999",
     "Mon, 01 Jan 0001 00:00:00 +2359", "Mon, 99 Jan 2024 99:99:99 GMT", "1" * 5000],
)  # fmt: skip
def test_dates_that_are_none(batch, date):
    answer = batch.raw("GET", "/jobs", date=date)
    assert (answer.status_code, answer.json()["code"]) == (403, "AuthenticationFailed")


def test_a_refusal_tells_what_was_to_be_signed_and_never_the_key(batch):
    answer = batch.raw("GET", "/jobs", sign_path="/other")
    (detail,) = answer.json()["values"]
    assert detail["key"] == "AuthenticationErrorDetail"
    assert f"/{batch.running.account}/jobs\napi-version:2025-06-01" in detail["value"]
    assert batch.running.key not in answer.text


# --- Web pages cannot reach it ---


@pytest.mark.parametrize("path", ["/jobs", "/", "/admin/clock", "/admin/identity/token"])
@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1"]
)
def test_a_name_that_was_made_to_lead_here_is_refused(batch, host, path):
    """With the well-known key a page could sign; by DNS it could be of the same origin."""
    port = urlsplit(batch.running.endpoint).port
    answer = batch.raw("GET", path, headers={"host": f"{host}:{port}"})
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidHeaderValue")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "x.localhost:80", "127.9.9.9", "[::1]:80"]
)
def test_names_of_this_machine_are_taken(batch, host):
    assert batch.raw("GET", "/jobs", headers={"host": host}).status_code == 200


def test_a_browser_is_not_told_that_other_pages_may_ask(batch):
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = batch.raw("OPTIONS", "/jobs", headers=asked)
    assert answer.status_code == 405
    assert not any(name.startswith("access-control") for name in answer.headers)


# --- Limits of requests ---


@pytest.mark.parametrize(
    "path",
    ["/jobs/" + "x" * 17_000, "/jobs?$filter=" + "x" * 17_000,
     "/jobs?" + "&".join(f"a{n}=1" for n in range(101))],
)  # fmt: skip
def test_addresses_that_are_too_long(batch, path):
    assert batch.raw("GET", path).status_code == 400


@pytest.mark.parametrize("headers", [{"x": "y" * 17_000}, {f"x-{n}": "y" * 50 for n in range(400)}])
def test_headers_that_are_too_many_or_too_long(batch, headers):
    assert batch.raw("GET", "/jobs", headers=headers).status_code == 400


def test_a_head_without_end_is_cut_off(batch):
    with connect(batch) as line:
        line.sendall(b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n")
        answer = push(line, b"x: " + b"y" * 1000 + b"\r\n", 200)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answers(batch)


def test_a_body_in_pieces_ends_at_the_limit(batch):
    job = batch.job("none")
    part = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    with connect(batch) as line:
        line.sendall(signed_head(batch, "POST", f"/jobs/{job}/tasks", "Transfer-Encoding: chunked"))
        answer = push(line, part, 600)
    assert answer.startswith(b"HTTP/1.1 413 ")


POST = b"POST /jobs HTTP/1.1\r\nHost: localhost\r\n"
JUNK = [
    b"\x16\x03\x01\x02\x00\x01\x00", b"\0" * 100, b"\r\n" * 30_000, b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    POST + b"Content-Length: -1\r\n\r\n",
    POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 100,
]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK)
def test_what_is_no_request_harms_nobody(batch, junk):
    with connect(batch) as line:
        line.sendall(junk)
        line.shutdown(socket.SHUT_WR)
        assert b" 200 " not in read_all(line)
    assert answers(batch)


# --- Who may be let in from elsewhere ---


def test_a_short_key_is_not_for_others(capsys, monkeypatch):
    monkeypatch.setenv("BATCH_EMULATOR_KEY", base64.b64encode(secrets.token_bytes(31)).decode())
    assert main(["serve", "--port=0", "--host=0.0.0.0"]) == 1
    assert "32 or more" in capsys.readouterr().err


def test_with_a_key_of_ones_own_it_listens_where_it_is_told(emulator):
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    batch = emulator("--host=0.0.0.0", key=key)
    answer = batch.raw("GET", "/jobs", headers={"host": "batch.example"})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/pools/p%2Fnodes", "/jobs%2fj/tasks", "/jobs/j/tasks/t%2Ffiles"])
def test_an_encoded_slash_parts_no_path(batch, path):
    answer = batch.raw("GET", path)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidUri")
