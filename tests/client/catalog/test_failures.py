"""Every failure of a catalogue ends in a sentence: which host, what happened, what to do."""

import gzip
import ipaddress
import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.client.catalog.hostile_server import Hostile, reply, serving

import own_ca
from scenefleet.catalog import Patience, search
from scenefleet.catalog.web import Reader
from scenefleet.errors import CatalogError

QUICK = Patience(retries=1, backoff=0, timeout=(5, 10), answer_seconds=20)
RAW = re.compile(
    r"HTTPS?Connection|Max retries|Expecting |ValidationError|[A-Z]\w+Error\b|\[Errno|\[SSL|"
    r"urllib3|codec can't|IncompleteRead\(|object at 0x|NoneType|Traceback"
)
"""Words of the libraries below, which no user should have to read."""
ADVICE = re.compile(r"\b(check|give|write|try again|wait|use)\b", re.IGNORECASE)


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with serving() as server:
        yield server


def said(call: Callable[[], Any], host: str) -> str:
    """The one sentence that a failure ends in; fails if it is not made for people."""
    with pytest.raises(CatalogError) as caught:
        call()
    text = str(caught.value)
    assert not RAW.search(text), text
    assert host in text
    assert ADVICE.search(text), text
    return text


def reading(url: str, patience: Patience = QUICK) -> Callable[[], Any]:
    return lambda: Reader(patience).read_json(url)


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


# --- TLS


@contextmanager
def tls_server(cert: Path, key: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with serving_raw(lambda line: _shake(context, line)) as address:
        yield f"https://{address}/"


def _shake(context: ssl.SSLContext, line: socket.socket) -> None:
    with context.wrap_socket(line, server_side=True) as secure:
        secure.recv(65_536)
        secure.sendall(reply(b"{}"))


@contextmanager
def serving_raw(handle: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server on loopback that lets a function talk on each connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def talk(line: socket.socket) -> None:
        with closing(line), suppress(OSError):  # the client has had enough
            handle(line)

    def accept() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=talk, args=(line,)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for thread in threads:
            thread.join()


def own_signed(folder: Path, *, name: str, until: timedelta) -> tuple[Path, Path]:
    """A certificate that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name == "127.0.0.1":
        names = [x509.IPAddress(ipaddress.ip_address(name))]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + until)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, file = folder / "own.pem", folder / "own.key"
    cert.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    file.write_bytes(own_ca.pem(key))
    return cert, file


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "until", "trusted", "words"),
    [
        ("127.0.0.1", DAY, False, "its certificate is signed by itself"),
        ("127.0.0.1", -DAY, True, "its certificate has expired"),
        ("elsewhere.example", DAY, True, "its certificate is for another host"),
    ],
)
def test_certificates(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    until: timedelta,
    trusted: bool,
    words: str,
) -> None:
    cert, key = own_signed(tmp_path, name=name, until=until)
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(cert))
    with tls_server(cert, key) as url:
        text = said(reading(url), url.split("/")[2])
    assert words in text


def test_an_authority_that_is_not_known(tmp_path: Path) -> None:
    made = own_ca.make(tmp_path)
    with tls_server(made.cert, made.key) as url:
        text = said(reading(url), url.split("/")[2])
    assert "an authority that is not trusted here" in text
    assert "REQUESTS_CA_BUNDLE" in text


def test_http_spoken_to_tls_and_tls_to_http(tmp_path: Path) -> None:
    made = own_ca.make(tmp_path)
    with tls_server(made.cert, made.key) as url:
        text = said(reading(url.replace("https", "http")), url.split("/")[2])
    assert re.search("not HTTP|broke off", text), text
    refusal = reply(b"", status="400 Bad Request")
    with serving_raw(lambda line: line.recv(4096) and line.sendall(refusal)) as address:
        text = said(reading(f"https://{address}/"), address)
    assert "does not speak TLS at that port" in text
    assert "write http://" in text


def test_a_redirect_to_tls_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hostile: Hostile
) -> None:
    made = own_ca.make(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made.ca))
    with tls_server(made.cert, made.key) as url:
        hostile.answers["/"] = reply(b"", f"Location: {url}", status="301 Moved")
        assert reading(f"{hostile.url}/")() == {}


# --- proxies


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", r"refuses to connect \(403\)"),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", r"refuses to connect \(407\)"),
        (b"", "the proxy 127.0.0.1"),
        (None, "the proxy 127.0.0.1:\\d+ refuses the connection"),
    ],
)
def test_a_proxy_that_does_not_let_through(
    monkeypatch: pytest.MonkeyPatch, answer: bytes | None, words: str
) -> None:
    def refuse(line: socket.socket) -> None:
        line.recv(65_536)
        line.sendall(answer or b"")

    with serving_raw(refuse) as address:
        there = address
        if answer is not None:
            monkeypatch.setenv("HTTPS_PROXY", f"http://me:topsecret@{there}")
            text = said(reading("https://stac.example/v1"), "stac.example")
    if answer is None:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:topsecret@{there}")
        text = said(reading("https://stac.example/v1"), "stac.example")
    assert re.search(words, text), text
    assert "HTTPS_PROXY" in text
    assert "topsecret" not in text


@pytest.mark.parametrize(
    "proxy", ["http://nowhere.invalid:3128", "http://", "socks5://127.0.0.1:9"]
)
def test_a_proxy_that_is_none(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    text = said(reading("https://stac.example/v1"), "stac.example")
    assert re.search("proxy", text, re.IGNORECASE), text


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
