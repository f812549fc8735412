"""Every failure of a catalogue ends in a sentence: which host, what happened, what to do."""

import gzip
import json
import re
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.client.catalog.hostile_server import (
    QUICK,
    RAW,
    Hostile,
    reading,
    reply,
    said,
    serving,
)

from scenefleet.catalog import Patience, search
from scenefleet.errors import CatalogError


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with serving() as server:
        yield server


def reset(*before: bytes) -> Callable[[socket.socket], None]:
    def answer(line: socket.socket) -> None:
        for part in before:
            line.sendall(part)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()

    return answer


HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reset(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"), "broke off"),
        (reset(), "broke off"),
        (reply(b"", status="401 Unauthorized"), "answered 401.*login"),
        (reply(HTML, status="403 Forbidden"), "answered 403.*forbids"),
        (reply(HTML, "Content-Type: text/html", status="404 Not Found"), "answered 404.*nothing"),
        (reply(b"{}", status="429 Slow"), "answered 429.*limits requests"),
        (
            reply(b"{}", "Retry-After: 3600", status="429 Slow"),
            "answered 429, and asks to wait 60 minutes.*limits requests",
        ),
        (reply(b"{}", "Retry-After: soon", status="503 Slow"), "answered 503. The fault"),
        *[
            (reply(HTML, status=f"{n} No"), f"answered {n}. The fault")
            for n in (500, 502, 503, 504)
        ],
        (reply(b"", status="413 Large"), "answered 413.*smaller area"),
        (reply(b"", status="418 Teapot"), "answered 418. Check"),
        (reply(b""), "no JSON"),
        (reply(b"  \n"), "no JSON"),
        (reply(HTML, "Content-Type: text/html"), "no JSON .it starts with '<!DOCTYPE html>"),
        (reply(b"not packed", "Content-Encoding: gzip"), "compressed data that is broken"),
        (reply(gzip.compress(b"{}" * 999)[:-9], "Content-Encoding: gzip"), "broke off"),
        (CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", "a chunk has no length"),
        (CHUNKED + b"5\r\n{", "broke off"),
        (reply(b'{"type": "FeatureCollection", "features": [{"id": "a'), "no JSON: it breaks off"),
        (reply(b'{"a": 1,, "b": 2}'), "no JSON: a name in double quotes is missing"),
        (reply(b'{"a": 1} trailing'), "no JSON: it goes on after its end"),
        (reply(b'{"a": 1}'.replace(b" ", b"\xff")), "no JSON"),
        (
            reply('{"a": 1}'.encode("utf-32"), "Content-Type: application/json; charset=x"),
            "no JSON",
        ),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n", "no connection|not HTTP|broke off"),
        (reply(b"", "Location: http://[", status="302 Found"), "no address"),
        (reply(b"", "Location: /", status="302 Found"), "redirects more than 10 times"),
    ],
)
def test_what_a_server_may_answer(hostile: Hostile, answer: Any, words: str) -> None:
    hostile.answers["/"] = answer
    text = said(reading(f"{hostile.url}/?token=secret"), hostile.url.removeprefix("http://"))
    assert re.search(words, text), text
    assert "secret" not in text


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    text = said(reading(f"http://127.0.0.1:{port}/"), f"127.0.0.1:{port}")
    assert "the connection was refused" in text


def test_a_name_that_is_not_known() -> None:
    text = said(reading("http://nowhere.invalid/stac"), "nowhere.invalid")
    assert "the host's name cannot be resolved" in text


@pytest.mark.parametrize("text", ['{"a": "Å"}', '{"a": NaN}'])
def test_text_in_an_encoding_of_its_own_is_read(hostile: Hostile, text: str) -> None:
    hostile.answers["/"] = reply(
        text.encode("latin-1"), "Content-Type: application/json; charset=iso-8859-1"
    )
    assert reading(f"{hostile.url}/")() == {"a": None if "NaN" in text else "Å"}
    hostile.answers["/"] = reply(text.encode("utf-16"), "Content-Type: application/json")
    assert reading(f"{hostile.url}/")() == {"a": None if "NaN" in text else "Å"}


def test_an_answer_that_broke_off_is_asked_for_again(hostile: Hostile) -> None:
    answers = iter([reset(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"), None])

    def first_broken(line: socket.socket) -> None:
        answer = next(answers)
        if answer:
            answer(line)
        else:
            line.sendall(reply(b'{"a": 1}'))

    hostile.answers["/"] = first_broken
    assert reading(f"{hostile.url}/")() == {"a": 1}
    assert len(hostile.heads) == 2


def test_the_body_of_a_redirect_is_not_read(hostile: Hostile) -> None:
    """Each of ten would take seconds to unpack, and as much memory as the server likes."""
    packed = gzip.compress(b" " * 400_000_000, 1)
    hostile.answers["/"] = reply(
        packed, "Location: /", "Content-Encoding: gzip", status="302 Found"
    )
    patience = Patience(retries=0, answer_seconds=5)
    assert "10 times" in said(reading(f"{hostile.url}/", patience), "127.0.0.1")


# --- answers that are JSON, and no STAC


CATALOG = {"type": "Catalog", "stac_version": "1.0.0", "id": "c", "description": "d"}
CONFORMS = [f"https://api.stacspec.org/v1.0.0/{n}" for n in ("core", "item-search", "collections")]


def landing(url: str, **changes: Any) -> str:
    links = [{"rel": "search", "href": f"{url}/search", "method": "POST"}]
    return json.dumps({**CATALOG, "conformsTo": CONFORMS, "links": links, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"links": [{"rel": "search", "href": "/search"}, {"href": "x"}]},
        {"links": [{"rel": "search"}, {"rel": "search", "href": "/search"}]},
        {"links": [{"rel": "search", "href": 5}]},
        {"id": None},
        {"stac_version": 7},
        {"conformsTo": [None, 5]},
        {"stac_extensions": 5},
        {"title": {"a": 1}},
    ],
)
def test_landing_pages_of_no_form(
    hostile: Hostile, query: Any, tmp_path: Path, changes: dict[str, Any]
) -> None:
    hostile.json("/", landing(hostile.url, **changes))
    hostile.json("/collections/sentinel-2-l2a", '{"type": "Collection", "id": 5}')
    hostile.json("/search", '{"type": "FeatureCollection"}')
    said(lambda: search(query(f"{hostile.url}/"), base=tmp_path, patience=QUICK), "127.0.0.1")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/search", "{}"),
        ("/search", '{"type": "FeatureCollection"}'),
        ("/search", '{"type": "FeatureCollection", "features": [{}]}'),
        ("/search", '{"type": "FeatureCollection", "features": [null, 5]}'),
        ("/search", '{"type": "FeatureCollection", "features": {}}'),
        ("/search", '{"message": "Internal Server Error"}'),
        ("/collections/sentinel-2-l2a", "{}"),
        ("/collections/sentinel-2-l2a", '{"type": "Collection"}'),
        ("/collections/sentinel-2-l2a", '{"type": "Collection", "extent": 5, "links": 7}'),
    ],
)
def test_answers_that_are_json_of_another_form(
    hostile: Hostile, query: Any, tmp_path: Path, path: str, text: str
) -> None:
    hostile.json("/", landing(hostile.url))
    collection = {
        **CATALOG,
        "type": "Collection",
        "id": "sentinel-2-l2a",
        "license": "other",
        "links": [],
        "extent": {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [[None, None]]},
        },
    }
    hostile.json("/collections/sentinel-2-l2a", json.dumps(collection))
    hostile.json("/search", '{"type": "FeatureCollection", "features": []}')
    hostile.json(path, text)
    with pytest.raises(CatalogError) as caught:
        search(query(f"{hostile.url}/"), base=tmp_path, patience=QUICK)
    assert not RAW.search(str(caught.value)), caught.value


@pytest.mark.parametrize("text", ["", "{", "[1, 2", "\ufeff", '{"a" 1}', "nope"])
def test_files_that_are_no_json(query: Any, tmp_path: Path, text: str) -> None:
    for name in ("items.json", "items.jsonl"):
        (tmp_path / name).write_text(f"{text}\n")
        if text in ("", "\ufeff") and name.endswith("l"):
            continue
        with pytest.raises(CatalogError) as caught:
            search(query(name), base=tmp_path)
        assert not RAW.search(str(caught.value)), caught.value
