"""HTTP as clients other than Python's write it, and proxies between."""

import json
import re

import pytest

from raw_http import connect, signed_head


def exchange(batch, *parts, answers=1):
    """What comes back for bytes that are sent one part after an answer to the last."""
    got = b""
    with connect(batch) as line:
        line.settimeout(10)
        for part in parts:
            line.sendall(part)
            while not is_whole(got, answers) and (data := line.recv(65536)):
                got += data
    return got


def is_whole(got, answers):
    """Whether so many answers are there, and as much of the last one's body as its head tells."""
    if got.count(b"HTTP/1.1 ") < answers:
        return False
    head, end, body = got[got.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    of_head = answers > 1  # its last request is a HEAD, which has no body
    return bool(end) and (of_head or length is None or len(body) >= int(length[1]))


@pytest.mark.parametrize("expects", [False, True])
def test_a_body_may_come_in_pieces_and_after_a_word_of_the_server(batch, expects):
    """As .NET's clients send it."""
    job = batch.name("job")
    more = ["expect: 100-continue"] if expects else []
    head = signed_head(batch, "POST", "/jobs", "transfer-encoding: chunked", *more)
    body = json.dumps({"id": job, "poolInfo": {"poolId": "none"}}).encode()
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:9], body[9:]))
    sent = (head, pieces + b"0\r\n\r\n") if expects else (head + pieces + b"0\r\n\r\n",)
    with connect(batch) as line:
        for part in sent:
            line.sendall(part)
            answer = line.recv(65536)
        if answer.startswith(b"HTTP/1.1 100"):
            answer = line.recv(65536)
    assert answer.startswith(b"HTTP/1.1 201"), answer
    assert batch.client.get_job(job).id == job


def test_a_whole_address_as_target_is_the_path_in_it(batch):
    head = signed_head(batch, "GET", "/jobs?maxresults=1")
    whole = head.replace(b"GET /jobs", f"GET {batch.running.endpoint}/jobs".encode())
    assert exchange(batch, whole).startswith(b"HTTP/1.1 200")
    page = f"GET {batch.running.endpoint} HTTP/1.1\r\nhost: other\r\n\r\n".encode()
    assert exchange(batch, page).startswith(b"HTTP/1.1 200")


def test_the_host_of_a_whole_address_holds(batch):
    head = signed_head(batch, "GET", "/jobs").replace(b"GET /jobs", b"GET http://evil.example/jobs")
    answer = exchange(batch, head)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"InvalidHeaderValue" in answer


def test_requests_may_follow_each_other_without_waiting(batch):
    heads = signed_head(batch, "GET", "/jobs?maxresults=1") + signed_head(batch, "HEAD", "/pools/x")
    assert exchange(batch, heads, answers=2).count(b"HTTP/1.1 ") == 2


@pytest.mark.parametrize("first", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"PRI * HTTP/2.0\r\n"])
def test_http_2_is_answered_in_words(batch, first):
    answer = exchange(batch, first)
    assert answer.startswith(b"HTTP/1.1 505")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "UnsupportedHttpVersion"


def test_an_offer_of_http_2_is_passed_over(batch):
    offer = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABk")
    assert exchange(batch, signed_head(batch, "GET", "/jobs", *offer)).startswith(b"HTTP/1.1 200")


def test_a_connection_ends_where_the_client_says_so(batch):
    head = signed_head(batch, "GET", "/jobs?maxresults=1", "connection: close")
    assert b"connection: close" in exchange(batch, head).lower()


def test_a_parameter_may_be_there_again_with_its_value(batch):
    """A link to the next page has the version, and some clients add it again."""
    again = b"?api-version=2025-06-01&api-version=2025-06-01 "
    head = signed_head(batch, "GET", "/jobs").replace(b"?api-version=2025-06-01 ", again)
    assert exchange(batch, head).startswith(b"HTTP/1.1 200")
    other = head.replace(b"&api-version=2025-06-01", b"&api-version=2024-07-01.20.0")
    assert exchange(batch, other).startswith(b"HTTP/1.1 400")
