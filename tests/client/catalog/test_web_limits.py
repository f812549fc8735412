"""What a hostile server sends, and what a catalogue makes the client fetch."""

import gzip
import json
import os
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.client.catalog.hostile_server import Hostile, reply, serving

from scenefleet.catalog import Patience, search
from scenefleet.catalog.source import read
from scenefleet.catalog.web import Reader
from scenefleet.errors import CatalogError
from scenefleet_task.reach import Origin

SMALL = Patience(retries=0, backoff=0, timeout=(5, 20), answer_seconds=20, answer_bytes=100_000)


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with serving() as server:
        yield server


def chunked(parts: Iterator[bytes], *head: str) -> Callable[[socket.socket], None]:
    def answer(line: socket.socket) -> None:
        lines = ("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *head, "", "")
        line.sendall("\r\n".join(lines).encode())
        for part in parts:
            line.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        line.sendall(b"0\r\n\r\n")

    return answer


def endless(part: bytes) -> Iterator[bytes]:
    while True:
        yield part


def bomb(size: int) -> bytes:
    return gzip.compress(b'{"a": "' + b" " * size + b'"}')


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(b'{"a": "' + b"x" * 200_000 + b'"}'), "more than 100000 bytes"),
        (chunked(endless(b" " * 50_000)), "more than 100000 bytes"),
        (reply(bomb(50_000_000), "Content-Encoding: gzip"), "more than 100000 bytes"),
        (reply(bomb(50_000_000), "Content-Encoding: x-gzip"), "more than 100000 bytes"),
        (reply(zlib.compress(b" " * 9_000_000), "Content-Encoding: deflate"), "more than 100000"),
        (reply(b"x", "Content-Encoding: br"), "the encoding 'br'; gzip was asked for"),
        (reply(b"x", "Content-Encoding: gzip, gzip"), "gzip was asked for"),
        (reply(b"not packed", "Content-Encoding: gzip"), "compressed data that is broken"),
        (reply(bomb(10)[:-9], "Content-Encoding: gzip"), "broke off"),
        (reply(b"{")[:-1], "broke off"),
        (reply(b"[" * 90_000), "is no JSON .*nested deeper"),
        (reply(b'{"a":' * 500 + b"1" + b"}" * 500), "is no JSON .*nested deeper"),
        (reply(b"\xff\xfe{}"), "is no JSON"),
        (reply(b"[]"), "no STAC object"),
        (b"not HTTP at all\r\n\r\n", "no connection|broke off"),
        (b"", "broke off"),
        (reply(b"x" * 9_000_000, status="500 Broken"), "answered 500"),
        (reply(bomb(90_000_000), "Content-Encoding: gzip", status="500 Broken"), "answered 500"),
        (reply(b"", "Location: /", status="302 Found"), "redirects more than 10 times"),
        (reply(bomb(90_000_000), "Location: /", "Content-Encoding: gzip", status="302 F"), "redir"),
    ],
)
def test_answers_that_would_fill_memory_or_are_broken(
    hostile: Hostile, answer: Any, words: str
) -> None:
    hostile.answers["/"] = answer
    with pytest.raises(CatalogError, match=words):
        Reader(SMALL).read_json(f"{hostile.url}/")


def drip(hostile: Hostile, start: bytes, part: bytes) -> Callable[[socket.socket], None]:
    def answer(line: socket.socket) -> None:
        line.sendall(start)
        while not hostile.done.wait(0.05):
            line.sendall(part)

    return answer


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"", b"H"),
        (b"HTTP/1.1 500 Broken\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    ],
)
def test_an_answer_that_drips_has_a_limit_in_all(
    hostile: Hostile, start: bytes, part: bytes
) -> None:
    """Each byte comes in time, and the whole never would."""
    hostile.answers["/"] = drip(hostile, start, part)
    patience = Patience(retries=3, backoff=0, timeout=(5, 20), answer_seconds=0.4)
    with pytest.raises(CatalogError, match=r"had not answered in full after 0.4 s"):
        Reader(patience).read_json(f"{hostile.url}/")


def test_what_comes_packed_is_read(hostile: Hostile) -> None:
    text = json.dumps({"a": "b" * 1000}).encode()
    packed = gzip.compress(text[:500]) + gzip.compress(text[500:])
    hostile.answers["/"] = reply(packed + b"\0" * 20, "Content-Encoding: gzip")
    assert Reader(SMALL).read_json(f"{hostile.url}/") == {"a": "b" * 1000}
    assert "Accept-Encoding: gzip\r\n" in hostile.heads[0]


def test_numbers_that_no_float_holds_count_as_not_given(hostile: Hostile) -> None:
    text = '{"a": NaN, "b": -Infinity, "c": %s, "d": 1e999, "e": "\\ud800", "f": 1.5, "g": 12}'
    hostile.json("/", text % ("9" * 5000))
    assert Reader(SMALL).read_json(f"{hostile.url}/") == {
        "a": None, "b": None, "c": None, "d": None, "e": "\ufffd", "f": 1.5, "g": 12,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("public", "this machine itself"),
        ("private", "this machine itself"),
        ("loopback", None),
        ("file", None),
    ],
)
def test_loopback_is_for_what_came_from_it(
    hostile: Hostile, origin: Origin, words: str | None
) -> None:
    hostile.json("/", "{}")
    if words is None:
        assert read(f"{hostile.url}/", Reader(SMALL), origin) == ({}, "loopback")
        return
    with pytest.raises(CatalogError, match=words):
        read(f"{hostile.url}/", Reader(SMALL), origin)
    assert not hostile.heads


def test_a_kept_connection_is_judged_again(hostile: Hostile) -> None:
    """One made for a document on disk is not used for what a public catalogue links to."""

    def twice(line: socket.socket) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
        line.sendall(head)
        hostile.done.wait(10)

    hostile.answers["/"] = twice
    reader = Reader(SMALL)
    assert read(f"{hostile.url}/", reader, "file") == ({}, "loopback")
    with pytest.raises(CatalogError, match="this machine itself"):
        read(f"{hostile.url}/", reader, "public")
    assert len(hostile.heads) == 1


def test_a_name_is_judged_by_what_it_resolves_to(hostile: Hostile) -> None:
    """`localhost.` and any name in /etc/hosts: what is connected to is what was checked."""
    hostile.json("/", "{}")
    address = hostile.url.replace("127.0.0.1", socket.gethostname())
    try:
        socket.getaddrinfo(socket.gethostname(), 80)
    except OSError:
        address = hostile.url.replace("127.0.0.1", "localhost")
    with pytest.raises(CatalogError, match=r"this machine|private|refused|not connected"):
        read(f"{address}/", Reader(SMALL), "public")
    assert not hostile.heads


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/metadata/instance",
        "http://168.63.129.16/",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",
        "http://0/",
        "http://0x7f.1/",
        "http://user:word@127.0.0.1/",
        "http://metadata.google.internal/",
    ],
)
def test_what_nobody_may_link_to(hostile: Hostile, target: str) -> None:
    with pytest.raises(CatalogError, match=r"is not asked|not connected to"):
        read(target, Reader(SMALL), "file")
    hostile.answers["/"] = reply(b"", f"Location: {target}", status="302 Found")
    with pytest.raises(CatalogError, match=r"is not asked|not connected to"):
        Reader(SMALL).read_json(f"{hostile.url}/")


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/", "/vsicurl/x", "data:,{}"]
)
def test_a_redirect_leads_to_the_web_only(hostile: Hostile, target: str) -> None:
    hostile.answers["/"] = reply(b"", f"Location: {target}", status="302 Found")
    with pytest.raises(CatalogError, match=r"is not asked|answered 404|no connection"):
        Reader(SMALL).read_json(f"{hostile.url}/")


def test_a_redirect_is_followed(hostile: Hostile) -> None:
    hostile.json("/there", '{"a": 1}')
    hostile.answers["/"] = reply(b"", "Location: there?b=2#c", status="307 Moved")
    assert Reader(SMALL).read_json(f"{hostile.url}/") == {"a": 1}
    assert hostile.heads[1].startswith("GET /there?b=2 ")


def landing(hostile: Hostile, **next_link: Any) -> None:
    """A STAC API whose first page goes on where the link says."""
    conforms = [f"https://api.stacspec.org/v1.0.0/{name}" for name in ("core", "item-search")]
    links = [{"rel": "search", "href": f"{hostile.url}/search", "method": "GET"}]
    catalog = {"type": "Catalog", "stac_version": "1.0.0", "id": "c", "description": "d"}
    hostile.json("/", json.dumps({**catalog, "conformsTo": conforms, "links": links}))
    features = [{"type": "Feature", "id": "a"}]
    page = {
        "type": "FeatureCollection",
        "features": features,
        "links": [{"rel": "next", **next_link}],
    }
    hostile.json("/search", json.dumps(page))


@pytest.mark.parametrize(
    "link",
    [
        {"href": "file:///etc/hostname"},
        {"href": "/etc/hostname"},
        {"href": "http://169.254.169.254/"},
        {"href": "http://127.0.0.1:1/", "method": "DELETE"},
    ],
)
def test_a_next_page_lies_on_the_web(
    hostile: Hostile, query: Callable[..., Any], tmp_path: Path, link: dict[str, str]
) -> None:
    landing(hostile, **link)
    with pytest.raises(CatalogError):
        search(query(f"{hostile.url}/"), base=tmp_path, patience=SMALL)
    # a path is one of the same server's, as in any link
    own = ("GET / ", "GET /search", "GET /etc/hostname")
    assert all(head.startswith(own) for head in hostile.heads)


STATIC = {"stac_version": "1.0.0", "description": "d", "id": "c"}


def static(folder: Path, name: str, links: list[dict[str, str]], kind: str = "Catalog") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"type": kind, "links": links, **STATIC}))


def web_static(hostile: Hostile, path: str, links: list[dict[str, str]]) -> None:
    hostile.json(path, json.dumps({"type": "Catalog", "links": links, **STATIC}))


def test_an_item_is_as_trusted_as_the_way_to_it(
    hostile: Hostile, item: Any, query: Any, tmp_path: Path
) -> None:
    """Items on disk are the user's own; what they link to on the web is the web's."""
    static(
        tmp_path,
        "catalog.json",
        [{"rel": "item", "href": "a.json"}, {"rel": "child", "href": f"{hostile.url}/c.json"}],
    )
    (tmp_path / "a.json").write_text(json.dumps(item("a")))
    web_static(hostile, "/c.json", [{"rel": "item", "href": "b.json"}])
    hostile.json("/b.json", json.dumps({**item("b"), "scenefleet:origin": "file"}))
    found = search(query("catalog.json"), base=tmp_path, patience=SMALL).items
    assert {s.id: s.document["scenefleet:origin"] for s in found} == {"a": "file", "b": "loopback"}


@pytest.mark.parametrize("target", ["file:///etc/passwd", "file:/etc/passwd", "FILE:///etc/passwd"])
@pytest.mark.parametrize("rel", ["child", "item"])
def test_a_catalogue_on_the_web_links_to_no_file(
    hostile: Hostile, query: Any, tmp_path: Path, target: str, rel: str
) -> None:
    web_static(hostile, "/c.json", [{"rel": rel, "href": target}])
    with pytest.raises(CatalogError, match=r"(?i)links to 'file:"):
        search(query(f"{hostile.url}/c.json"), base=tmp_path, patience=SMALL)


def test_relative_links_of_the_web_stay_on_it(hostile: Hostile, query: Any, tmp_path: Path) -> None:
    web_static(hostile, "/a/c.json", [{"rel": "child", "href": "../../../../etc/passwd"}])
    with pytest.raises(CatalogError, match=r"/etc/passwd answered 404"):
        search(query(f"{hostile.url}/a/c.json"), base=tmp_path, patience=SMALL)


@pytest.mark.parametrize("href", ["pipe.json", "/dev/zero", "/proc/self/mem", "."])
def test_a_catalogue_on_disk_links_to_regular_files(query: Any, tmp_path: Path, href: str) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    static(tmp_path, "catalog.json", [{"rel": "item", "href": href}])
    with pytest.raises(CatalogError, match="cannot be read"):
        search(query("catalog.json"), base=tmp_path, patience=SMALL)


@pytest.mark.parametrize("name", ["items.json", "items.jsonl"])
def test_a_file_of_items_is_a_regular_one(query: Any, tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(CatalogError, match="not a regular file"):
        search(query(name), base=tmp_path)


def test_a_line_without_end_is_not_read_whole(query: Any, tmp_path: Path) -> None:
    with (tmp_path / "items.jsonl").open("wb") as file:
        file.truncate(30_000_000)
    with pytest.raises(CatalogError, match="line 1: it is longer than 20 MB"):
        search(query("items.jsonl"), base=tmp_path)


def test_a_file_that_is_too_large_is_told(query: Any, tmp_path: Path) -> None:
    with (tmp_path / "items.json").open("wb") as file:
        file.truncate(600_000_000)
    with pytest.raises(CatalogError, match=r"larger than 500 MB.*\.jsonl"):
        search(query("items.json"), base=tmp_path)


@pytest.mark.parametrize(
    "links",
    [
        None,
        "x",
        {"a": 1},
        [None, 1, "x", []],
        [{"rel": "child"}, {"href": "x"}, {"rel": ["child"], "href": "x"}],
        [{"rel": "child", "href": None}, {"rel": "item", "href": {}}],
        [{"rel": "child", "href": "catalog.json"}, {"rel": "child", "href": "./catalog.json"}],
        [{"rel": "item", "href": "other.txt"}] * 2,
    ],
)
def test_trees_that_are_none_end(query: Any, tmp_path: Path, links: Any) -> None:
    (tmp_path / "other.txt").write_text("{}")
    static(tmp_path, "catalog.json", links)
    with suppress(CatalogError):  # named, as what it is
        assert not search(query("catalog.json"), base=tmp_path).items


def test_a_tree_that_goes_on_for_ever_ends(hostile: Hostile, query: Any, tmp_path: Path) -> None:
    """Each document links to one at an ever longer address."""

    def answer(line: socket.socket) -> None:
        links = [{"rel": "child", "href": "a" * 500 + "/c.json"}]
        body = json.dumps({"type": "Catalog", "links": links, **STATIC}).encode()
        line.sendall(reply(body))

    hostile.answers = _Any(answer)
    with pytest.raises(CatalogError, match="at most 4096 are read"):
        search(query(f"{hostile.url}/c.json"), base=tmp_path, patience=SMALL)


class _Any(dict[str, Any]):
    """One answer for whatever path."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ARG002
        return self.answer


def test_a_wide_tree_ends(query: Any, tmp_path: Path) -> None:
    links = [{"rel": "child", "href": f"{number}.json"} for number in range(100_001)]
    static(tmp_path, "catalog.json", links)
    with pytest.raises(CatalogError, match="more than 100000 documents"):
        search(query("catalog.json"), base=tmp_path)


def test_fragments_do_not_make_another_document(
    hostile: Hostile, query: Any, tmp_path: Path
) -> None:
    web_static(hostile, "/c.json", [{"rel": "child", "href": f"c.json#{n}"} for n in range(50)])
    assert not search(query(f"{hostile.url}/c.json"), base=tmp_path, patience=SMALL).items
    assert len(hostile.heads) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"id": "x" * 10_000_000},
        {"collection": "x" * 10_000_000},
        {"assets": {"x" * 10_000_000: {"href": "a"}}},
        {"assets": ["a"]},
        {"assets": {"a": 5, "b": {"href": 5}, "c": None}, "links": {"a": 1}},
        {"links": [{"rel": "self", "href": "http://[::1/x"}]},
        {"properties": ["a"]},
        {"properties": {"datetime": "2023-06-01T10:00:00Z", "eo:cloud_cover": 10**400}},
        {"bbox": [10**400, 0, 1, 1]},
        {"bbox": [[1], 2, 3, 4]},
        {"geometry": {"type": "Polygon", "coordinates": [[[None, None]] * 4]}, "bbox": None},
        {"properties": {"datetime": "2023-06-01T10:00:00Z", "deep": "DEEP"}},
    ],
)
def test_hostile_items_end_in_a_catalogue_error_at_worst(
    item: Any, query: Any, tmp_path: Path, change: dict[str, Any]
) -> None:
    text = json.dumps({"type": "FeatureCollection", "features": [{**item("a"), **change}]})
    text = text.replace('"DEEP"', "[" * 90 + "]" * 90)
    (tmp_path / "items.json").write_text(text)
    try:
        search(query("items.json"), base=tmp_path)
    except CatalogError as error:
        assert len(str(error)) < 2000  # noqa: PT017 - it need not be raised
