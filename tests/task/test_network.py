"""A source or store that cannot be reached is told in plain words: never in those of a library."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

import broken_server as broken
from scenefleet_task.access import Unsigned
from scenefleet_task.failure import TaskError
from scenefleet_task.fetch import FetchError, Patience
from scenefleet_task.http_bytes import HttpBytes
from scenefleet_task.put_blob import BlobTarget
from scenefleet_task.reach import Reach
from scenefleet_task.spec import Exit

PATIENCE = Patience(tries=2, pause=0.01, connect=1, stall=1, whole=2)
REACH = Reach(origin="file")
CAUSES = {
    "refused": "no answer: the connection was refused",
    "unknown host": "no answer: the host's name is not known",
    "TLS": "no answer: its certificate is not trusted",
    "no TLS": "no answer: no secure connection, as TLS failed",
    "reset": "no answer: the connection broke",
    "hang up": "no answer: the connection broke",
    "stall": "no answer: it timed out",
    "no HTTP": "no answer: what answered does not speak HTTP",
    "cut off": "bytes came",
    "bad chunk": "no answer: the answer broke off",
    "bad gzip": "it came encoded (gzip)",
    "loop": "it is sent on to another address more than 5 times",
    "proxy": "the environment's proxy 127.0.0.1:",
    "proxy that refuses": "the environment's proxy refused a way to example.invalid (302)",
}


@pytest.fixture
def address(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address that has the fault."""
    with broken.fault_at(fault, tmp_path) as (found, proxy):
        if proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy)
        yield found


def start(source: HttpBytes) -> None:
    """Reads a source's start, or all of it where its server gives no ranges."""
    if source.start(5000) is None:
        source.copy(io.BytesIO(), 10_000)


@pytest.mark.parametrize(("fault", "words"), CAUSES.items())
def test_a_source_that_cannot_be_read(
    address: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "scenefleet_task")
    source = HttpBytes(f"{address}/a.tif", Unsigned(), reach=REACH, patience=PATIENCE)
    with pytest.raises(FetchError) as caught:
        start(source)
    text = caught.value.finding.text
    assert words in text
    assert not [raw for raw in broken.RAW if raw in text + caplog.text]
    assert caught.value.finding.exit in (Exit.SOURCE_UNREACHABLE, Exit.SOURCE_UNREADABLE)


STORE = {
    "refused": "the connection was refused",
    "unknown host": "the host's name is not known",
    "TLS": "its certificate is not trusted",
    "reset": "the connection broke",
    "bad gzip": "the compressed answer is broken",
    "bad chunk": "the answer broke off",
    "proxy": "the proxy does not answer or refuses",
}


@pytest.mark.parametrize(("fault", "words"), STORE.items())
def test_a_store_that_cannot_be_written(address: str, words: str) -> None:
    target = BlobTarget(f"{address}/account/container", "sig=TOPSECRET", None, retries=0)
    with pytest.raises(TaskError) as caught:
        target.put(b"bytes", "products/a/b.tif")
    assert caught.value.exit is Exit.STORE_UNREACHABLE
    assert words in caught.value.message
    assert not [raw for raw in broken.RAW if raw in caught.value.message]
