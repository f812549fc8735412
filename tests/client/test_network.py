"""A connection that fails is told in plain words: never in those of a library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from pydantic import SecretStr

import broken_server as broken
from scenefleet.errors import FleetError, StoreError
from scenefleet.fleet.connection import told
from scenefleet.network import cause_of
from scenefleet.settings import AzureSettings
from scenefleet.store.blob import BlobStore

KEY = "c2VjcmV0IGtleSBvZiBhIHRlc3Q="
REFUSED, BROKE = "the connection was refused", "the connection broke"
CAUSES = {
    "refused": REFUSED,
    "unknown host": "the host's name is not known",
    "TLS": "its certificate is not trusted (unable to get local issuer certificate)",
    "no TLS": "no secure connection, as TLS failed",
    "reset": BROKE,
    "hang up": BROKE,
    "stall": "it timed out",
    "no HTTP": BROKE,
    "cut off": "the answer broke off",
    "bad chunk": "the answer broke off",
    "bad gzip": "the compressed answer is broken",
    "loop": "it is sent on from address to address without end",
    "proxy": "the proxy does not answer or refuses",
    "proxy that refuses": "the proxy does not answer or refuses",
}


@pytest.fixture
def address(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address that has the fault."""
    with broken.fault_at(fault, tmp_path) as (found, proxy):
        if proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy)
        yield found


def check(text: str, words: str) -> None:
    assert words in text
    assert not [raw for raw in broken.RAW if raw in text]


@pytest.mark.parametrize(("fault", "words"), CAUSES.items())
def test_a_request_that_fails(address: str, words: str) -> None:
    with pytest.raises(requests.RequestException) as caught:
        requests.get(address, timeout=1)
    assert cause_of(caught.value) == words


BATCH = {name: words for name, words in CAUSES.items() if name != "loop"}


@pytest.mark.parametrize(("fault", "words"), BATCH.items())
def test_a_batch_account_that_fails(address: str, fault: str, words: str) -> None:
    client = BatchClient(
        endpoint=address,
        credential=AzureNamedKeyCredential("account", KEY),
        retry_total=0,
        connection_timeout=1,
        read_timeout=1,
    )
    with client, pytest.raises(FleetError) as caught, told("listing pools"):
        list(client.list_pools())
    if fault != "no HTTP":
        check(str(caught.value), words)
    check(str(caught.value), "listing pools: ")


@pytest.mark.long
@pytest.mark.parametrize(
    "fault", ["refused", "unknown host", "TLS", "reset", "bad chunk", "cut off", "bad gzip"]
)
def test_a_store_that_fails(address: str, fault: str) -> None:
    settings = AzureSettings(storage_key=SecretStr(KEY), storage_endpoint=f"{address}/account")
    store = BlobStore("az://account/container", settings)
    with pytest.raises(StoreError) as caught:
        store.read("run.json")
    check(str(caught.value), CAUSES[fault])
    assert "run.json" in str(caught.value)
