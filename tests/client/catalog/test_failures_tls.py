"""Connections to a catalogue that fail: certificates, TLS and http mixed up, proxies."""

import ipaddress
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.client.catalog.hostile_server import Hostile, reading, reply, said, serving, serving_raw

import own_ca


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with serving() as server:
        yield server


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
