"""Requests as bytes, for what no client library would send; `batch` is of the emulator's tests."""

import http.client
import socket
import time
from contextlib import closing, contextmanager
from urllib.parse import urlsplit


@contextmanager
def connect(batch, **options):
    """A connection of bytes."""
    place = urlsplit(batch.running.endpoint)
    with socket.create_connection((place.hostname, place.port), timeout=15, **options) as line:
        yield line


def push(line, data, times):
    """Send something again and again, until there is an answer to read."""
    try:
        for _ in range(times):
            line.sendall(data)
    except ConnectionError:
        pass
    return read_all(line)


def read_all(line):
    got = b""
    try:
        while data := line.recv(65536):
            got += data
            if b"\r\n\r\n" in got:
                break
    except ConnectionError:
        pass
    return got


def signed_head(batch, method, path, *more):
    """The head of a request, signed for a body without a length."""
    sent = batch.raw(method, path).request
    names = ("host", "ocp-date", "authorization", "content-type")
    lines = [f"{n}: {sent.headers[n]}" for n in names if n in sent.headers]
    target = sent.url.raw_path.decode()
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, *more, "", ""]).encode()


def answers(batch):
    """Whether others are served within a second; the machine may be busy once or twice."""
    times = []
    while len(times) < 3 and min(times, default=1) >= 1:
        begun = time.monotonic()
        assert batch.raw("GET", "/jobs?maxresults=1").status_code == 200
        times.append(time.monotonic() - begun)
    assert min(times) < 1, times
    return True


def cut_off(line):
    """Whether the other side has closed, without waiting."""
    line.setblocking(False)
    try:
        while data := line.recv(65536):
            del data
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    finally:
        line.setblocking(True)
    return True


def bare(batch, method, path, query=""):
    """Ask for a path as it is: other clients take dots and slashes out before they send."""
    signed = batch.raw(method, f"/jobs{query}", sign_path=path).request
    line = http.client.HTTPConnection(urlsplit(batch.running.endpoint).netloc, timeout=15)
    with closing(line):
        line.request(method, f"{path}?{signed.url.query.decode()}", headers=dict(signed.headers))
        answer = line.getresponse()
        return answer.status, answer.read().decode()
