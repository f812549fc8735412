import errno
import hashlib
import resource
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient, generate_container_sas

from scenefleet_task.failure import TaskError
from scenefleet_task.put import target_for
from scenefleet_task.put_blob import BlobTarget, split_address
from scenefleet_task.put_folder import FolderTarget, store_error
from scenefleet_task.setting import Setting
from scenefleet_task.spec import Exit

PATH = "products/ndvi/scene-1/ndvi.tif"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "local.tif"
    file.write_bytes(bytes(range(256)) * 5000)
    return file


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_file_in_a_folder_is_whole_and_alone(tmp_path: Path, file: Path) -> None:
    digest = FolderTarget(tmp_path / "store").put(file.read_bytes(), PATH)
    target = tmp_path / "store" / PATH
    assert target.read_bytes() == file.read_bytes()
    assert (digest.size, digest.sha256) == (file.stat().st_size, sha256(file.read_bytes()))
    assert [p.name for p in target.parent.iterdir()] == ["ndvi.tif"]


def test_a_file_that_is_there_is_replaced(tmp_path: Path, file: Path) -> None:
    target = FolderTarget(tmp_path / "store")
    target.put(file.read_bytes(), PATH)
    file.write_bytes(b"shorter")
    target.put(file.read_bytes(), PATH)
    assert (tmp_path / "store" / PATH).read_bytes() == b"shorter"


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, file: Path) -> None:
    """A limit on file sizes stops the write in its middle, as a full disk does."""
    store = FolderTarget(tmp_path / "store")
    small = tmp_path / "small"
    small.write_bytes(b"before")
    store.put(small.read_bytes(), PATH)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(TaskError, match="Free some space") as caught:
            store.put(file.read_bytes(), PATH)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.exit is Exit.STORE_FULL
    folder = (tmp_path / "store" / PATH).parent
    assert [p.name for p in folder.iterdir()] == ["ndvi.tif"]
    assert (folder / "ndvi.tif").read_bytes() == b"before"


def test_the_kernels_own_words_for_a_full_disk(tmp_path: Path) -> None:
    with (
        pytest.raises(OSError, match="No space") as caught,
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x")
    assert store_error(caught.value, tmp_path).exit is Exit.STORE_FULL


def test_a_folder_that_may_not_be_written(file: Path) -> None:
    with pytest.raises(TaskError, match="permission") as caught:
        FolderTarget(Path("/sys/scenefleet-test")).put(
            file.read_bytes(), PATH
        )  # closed to root as well
    assert caught.value.exit is Exit.STORE_DENIED


def test_a_store_that_is_no_folder(tmp_path: Path, file: Path) -> None:
    with pytest.raises(TaskError, match="Not a directory") as caught:
        FolderTarget(file).put(file.read_bytes(), PATH)
    assert caught.value.exit is Exit.STORE_UNREACHABLE
    assert store_error(OSError(errno.EIO, "I/O error"), tmp_path).exit is Exit.STORE_UNREACHABLE


# --- Blob


@pytest.fixture
def container(azurite: Any) -> Iterator[ContainerClient]:
    name = f"c{datetime.now(UTC):%H%M%S%f}"
    with ContainerClient(azurite.blob_endpoint, name, credential=azurite.key) as client:
        client.create_container()
        yield client


def sas_for(azurite: Any, container: ContainerClient, permission: str, minutes: int = 10) -> str:
    return generate_container_sas(
        azurite.account,
        container.container_name,
        account_key=azurite.key,
        permission=permission,
        start=datetime.now(UTC) - timedelta(minutes=30),
        expiry=datetime.now(UTC) + timedelta(minutes=minutes),
    )


def address_of(azurite: Any, container: ContainerClient) -> str:
    return f"{azurite.blob_endpoint}/{container.container_name}/some/prefix"


def test_a_blob_is_whole_and_described(azurite: Any, container: Any, file: Path) -> None:
    sas = sas_for(azurite, container, "cw")
    digest = BlobTarget(address_of(azurite, container), sas, None).put(file.read_bytes(), PATH)
    blob = container.get_blob_client(f"some/prefix/{PATH}")
    data, properties = blob.download_blob().readall(), blob.get_blob_properties()
    assert data == file.read_bytes()
    assert digest.sha256 == sha256(data) == properties.metadata["sha256"]
    assert properties.content_settings.content_type.startswith("image/tiff; application=geotiff")


def test_a_large_blob_goes_in_blocks_and_may_replace_another(
    azurite: Any, container: Any, file: Path
) -> None:
    target = BlobTarget(address_of(azurite, container), sas_for(azurite, container, "cw"), None)
    target.put(file.read_bytes(), PATH)
    file.write_bytes(bytes(range(251)) * 80_000)
    target.put(file.read_bytes(), PATH)
    blob = container.get_blob_client(f"some/prefix/{PATH}")
    committed, _ = blob.get_block_list("all")
    assert len(committed) == 3
    assert blob.download_blob().readall() == file.read_bytes()


@pytest.mark.parametrize(
    ("permission", "minutes"), [("r", 10), ("cw", -10)], ids=["read-only", "expired"]
)
def test_a_sas_that_does_not_do(
    azurite: Any, container: Any, file: Path, permission: str, minutes: int
) -> None:
    sas = sas_for(azurite, container, permission, minutes)
    with pytest.raises(TaskError, match="HTTP 403") as caught:
        BlobTarget(address_of(azurite, container), sas, None).put(file.read_bytes(), PATH)
    assert caught.value.exit is Exit.STORE_DENIED
    check_no_secret(str(caught.value), sas)


def test_a_forged_sas(azurite: Any, container: Any, file: Path) -> None:
    sas = sas_for(azurite, container, "cw")[:-12] + "AAAAAAAAA%3D"
    with pytest.raises(TaskError, match="HTTP 403") as caught:
        BlobTarget(address_of(azurite, container), f"?{sas}", None).put(file.read_bytes(), PATH)
    assert caught.value.exit is Exit.STORE_DENIED
    check_no_secret(str(caught.value), sas)


def test_a_container_that_is_not_there(azurite: Any, container: Any, file: Path) -> None:
    sas = sas_for(azurite, container, "cw")
    address = address_of(azurite, container)
    container.delete_container()
    with pytest.raises(TaskError, match="Make the container") as caught:
        BlobTarget(address, sas, None).put(file.read_bytes(), PATH)
    assert caught.value.exit is Exit.STORE_UNREACHABLE


def test_a_store_that_does_not_answer(file: Path) -> None:
    target = BlobTarget("http://127.0.0.1:9/account/container", "sig=TOPSECRET", None, retries=0)
    with pytest.raises(TaskError, match="no answer") as caught:
        target.put(file.read_bytes(), PATH)
    assert caught.value.exit is Exit.STORE_UNREACHABLE
    check_no_secret(str(caught.value), "sig=TOPSECRET")


def check_no_secret(text: str, sas: str) -> None:
    signature = sas.partition("sig=")[2].partition("&")[0]
    assert signature
    assert signature not in text
    assert sas not in text


def test_blob_needs_a_sas_or_an_identity() -> None:
    address = "https://account.blob.core.windows.net/container"
    setting = Setting(store=address, sas=None, identity=None, run=None)
    with pytest.raises(TaskError, match="SCENEFLEET_STORE_SAS") as caught:
        target_for(setting)
    assert caught.value.exit is Exit.DOCUMENT
    identity = Setting(store=address, sas=None, identity="11111111-2222", run=None)
    assert isinstance(target_for(identity), BlobTarget)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("https://a.blob.core.windows.net/c", ("https://a.blob.core.windows.net", "c", "")),
        ("https://a.blob.core.windows.net/c/p/q/",
         ("https://a.blob.core.windows.net", "c", "p/q/")),
        ("http://127.0.0.1:10000/a/c/p", ("http://127.0.0.1:10000/a", "c", "p/")),
        ("http://localhost:10000/a/c", ("http://localhost:10000/a", "c", "")),
    ],
)  # fmt: skip
def test_a_stores_address_comes_apart(address: str, parts: tuple[str, str, str]) -> None:
    assert split_address(address) == parts


@pytest.mark.parametrize("address", ["https://a.blob.core.windows.net/", "http://127.0.0.1:1/a"])
def test_a_stores_address_without_container(address: str) -> None:
    with pytest.raises(TaskError, match="names no container"):
        split_address(address)
