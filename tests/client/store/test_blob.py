"""A Blob store against Azurite: what a folder does, and SAS that allow no more than they should."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import ContainerClient

from scenefleet.errors import NotAuthorisedError, NotInStoreError, StoreError
from scenefleet.settings import AzureSettings
from scenefleet.store import write_once
from scenefleet.store.blob import BlobStore, split_address


@pytest.fixture
def settings(azurite: Any) -> AzureSettings:
    return AzureSettings(storage_endpoint=azurite.blob_endpoint, storage_key=azurite.key)


@pytest.fixture
def store(azurite: Any, settings: AzureSettings) -> Iterator[BlobStore]:
    made = BlobStore(f"az://{azurite.account}/test-{uuid4().hex[:8]}/some/prefix", settings)
    made.prepare()
    yield made
    made.close()


def test_what_is_written_is_read_and_listed(store: BlobStore, tmp_path: Path) -> None:
    store.prepare()
    store.write("runs/a/run.json", b"{}")
    store.write("runs/a/run.json", b"{ }")
    store.write("runs/b/run.json", b"{}")
    store.write("runs-of-others/run.json", b"{}")
    assert store.read("runs/a/run.json") == b"{ }"
    found = sorted((entry.path, entry.size) for entry in store.list("runs"))
    assert found == [("runs/a/run.json", 3), ("runs/b/run.json", 2)]
    assert all(e.sha256 == store.digest(e.path) for e in store.list("runs"))
    assert store.folders("runs") == ["a", "b"]
    assert store.folders("products") == []
    store.fetch("runs/a/run.json", tmp_path / "copy" / "run.json")
    assert (tmp_path / "copy" / "run.json").read_bytes() == b"{ }"


def test_lines_are_written_and_read_one_by_one(store: BlobStore) -> None:
    lines = [str(n).encode() * 20 for n in range(1000)]
    store.write_lines("runs/a/x.jsonl", iter(lines))
    data = b"".join(line + b"\n" for line in lines)
    assert store.read("runs/a/x.jsonl") == data
    assert store.digest("runs/a/x.jsonl") == hashlib.sha256(data).hexdigest()
    assert list(store.lines("runs/a/x.jsonl")) == lines
    long = [b"x" * 3_000_000, b"y" * 3_000_000, b"z"]  # more than a chunk of the service's
    store.write_lines("runs/a/long.jsonl", long)
    assert list(store.lines("runs/a/long.jsonl")) == long
    store.write_lines("runs/a/none.jsonl", ())
    assert list(store.lines("runs/a/none.jsonl")) == []
    with pytest.raises(NotInStoreError):
        list(store.lines("runs/a/never.jsonl"))


def test_a_missing_blob_is_named(store: BlobStore) -> None:
    with pytest.raises(NotInStoreError, match=r"runs/none\.json"):
        store.read("runs/none.json")
    assert list(store.list("products")) == []


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/x"])
def test_a_path_never_leaves_the_prefix(store: BlobStore, path: str) -> None:
    with pytest.raises(StoreError, match="inside the store"):
        store.write(path, b"x")


def test_a_nodes_sas_writes_and_reads_nothing(store: BlobStore) -> None:
    store.write("secret.txt", b"x")
    access = store.node_access(1)
    assert "sig=" not in repr(access)
    url, sas = access.environment["SCENEFLEET_STORE"], access.environment["SCENEFLEET_STORE_SAS"]
    container = url.removesuffix("/some/prefix")
    with ContainerClient.from_container_url(f"{container}?{sas}") as client:
        client.upload_blob("some/prefix/out.txt", b"y")
        for forbidden in (
            lambda: client.download_blob("some/prefix/secret.txt").readall(),
            lambda: list(client.list_blobs()),
            lambda: client.delete_blob("some/prefix/secret.txt"),
        ):
            with pytest.raises(HttpResponseError) as caught:
                forbidden()
            assert caught.value.status_code == 403
    assert store.read("out.txt") == b"y"


def test_a_nodes_file_is_that_file_alone(store: BlobStore) -> None:
    store.write("code/a.pyz", b"code")
    store.write("code/b.pyz", b"other")
    file = store.node_file("code/a.pyz", 1)
    assert "sig=" not in repr(file)
    assert httpx.get(file.url).content == b"code"
    assert httpx.get(file.url.replace("a.pyz", "b.pyz")).status_code == 403


def test_a_wrong_key_says_so_and_never_shows(azurite: Any) -> None:
    wrong = "d3Jvbmcta2V5LXRoYXQtaXMtbG9uZy1lbm91Z2g="
    settings = AzureSettings(storage_endpoint=azurite.blob_endpoint, storage_key=wrong)  # pyright: ignore[reportArgumentType]
    store = BlobStore(f"az://{azurite.account}/container/p", settings)
    with pytest.raises(NotAuthorisedError) as caught:
        store.prepare()
    assert wrong not in str(caught.value)
    assert "storage_key" in str(caught.value)
    store.close()


def test_a_malformed_key_says_so() -> None:
    settings = AzureSettings(storage_endpoint="http://127.0.0.1:9/a", storage_key="not base64!")  # pyright: ignore[reportArgumentType]
    store = BlobStore("az://account/container", settings)
    with pytest.raises(NotAuthorisedError, match="storage_key"):
        store.read("x")
    store.close()


@pytest.mark.parametrize(
    "address", ["az://", "az://account", "az://account/", "az://account/No_Name"]
)
def test_an_address_without_container_is_refused(address: str) -> None:
    with pytest.raises(StoreError, match="container"):
        split_address(address)


def test_what_is_there_is_not_uploaded_again_unless_it_is_broken(store: BlobStore) -> None:
    assert write_once(store, "code/a.pyz", b"code")
    assert not write_once(store, "code/a.pyz", b"code")
    store.write("code/a.pyz", b"co")
    assert write_once(store, "code/a.pyz", b"code")
    assert store.read("code/a.pyz") == b"code"
