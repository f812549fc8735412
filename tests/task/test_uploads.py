"""Files under way, to a folder and to Blob: the same bytes, whole or not at all, never mixed."""

import hashlib
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from azure.storage.blob import ContainerClient, generate_container_sas

from scenefleet_task import put_folder
from scenefleet_task.failure import TaskError
from scenefleet_task.put import Digest, Upload
from scenefleet_task.put_blob import BLOCK, BlobTarget
from scenefleet_task.put_folder import FolderTarget, place
from scenefleet_task.spec import Exit

PATH = "products/ndvi/scene-1/ndvi.tif"
TASK = Path(__file__).resolve().parents[2] / "task"


@dataclass(frozen=True)
class File:
    """A file by its streams, and in which order they end."""

    head: bytes
    writes: Sequence[tuple[int, int]]
    """Stream and bytes, in the order of writing."""
    order: Sequence[int]

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        noise = np.random.default_rng(len(self.writes))
        for stream, size in self.writes:
            yield stream, noise.bytes(size)

    def content(self) -> bytes:
        """The oracle."""
        streams: dict[int, bytes] = {}
        for stream, data in self.pieces():
            streams[stream] = streams.get(stream, b"") + data
        return self.head + b"".join(streams.get(n, b"") for n in self.order)

    def send(self, upload: Upload) -> Digest:
        for stream, data in self.pieces():
            upload.write(stream, data)
        return upload.finish(self.head, self.order)


FILES = {
    "nothing": File(b"", [], []),
    "a head alone": File(b"II*\0head", [], [2, 1, 0]),
    "no head": File(b"", [(0, 1000)], [0]),
    "an empty stream": File(b"head", [(0, 0), (1, 10)], [1, 0]),
    "exactly a block": File(b"head", [(0, BLOCK)], [0]),
    "a byte less": File(b"head", [(0, BLOCK - 1)], [0]),
    "a byte more": File(b"head", [(0, BLOCK), (0, 1)], [0]),
    "larger than a block at once": File(b"head", [(0, BLOCK * 2 + 17), (1, 3)], [1, 0]),
    "blocks of two streams": File(b"h" * 5000, [(n % 2, BLOCK // 3 + n) for n in range(8)], [1, 0]),
    "many streams": File(
        b"head", [(n * 7 % 5, 50_000 + 999 * n) for n in range(60)], [4, 3, 2, 1, 0]
    ),
    "tiles that fill blocks oddly": File(b"head", [(0, 1_234_567)] * 20 + [(1, 77)], [1, 0]),
    "a large head": File(b"h" * (BLOCK + 1), [(0, 10)], [0]),
}


@pytest.fixture
def container(azurite: Any) -> Iterator[ContainerClient]:
    name = f"u{datetime.now(UTC):%H%M%S%f}"
    with ContainerClient(azurite.blob_endpoint, name, credential=azurite.key) as client:
        client.create_container()
        yield client


@dataclass
class Proxy:
    """Stands before Azurite, and answers some requests itself."""

    endpoint: str
    fail: Callable[[str, int], int | None] = lambda _, __: None
    """By the kind and how many such requests came before: the status to answer in place of the
    service; a negative one after it has done what was asked, as when its answer is lost."""
    seen: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    address: str = ""

    def status(self, query: str) -> int | None:
        kind = "block" if "comp=block&" in f"{query}&" else "list" if "blocklist" in query else ""
        with self.lock:
            number = self.seen[kind] = self.seen.get(kind, 0) + 1
        return self.fail(kind, number - 1)


@pytest.fixture
def proxy(azurite: Any) -> Iterator[Proxy]:
    parts = urlsplit(azurite.blob_endpoint)
    proxy = Proxy(azurite.blob_endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nothing."""

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status = proxy.status(urlsplit(self.path).query)
            if status and status > 0:
                self._answer(status, [], b"")
                return
            there = http.client.HTTPConnection(str(parts.hostname), parts.port)
            there.request("PUT", self.path, body, dict(self.headers))
            answer = there.getresponse()
            self._answer(-(status or -answer.status), answer.getheaders(), answer.read())
            there.close()

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    proxy.address = f"http://127.0.0.1:{server.server_address[1]}{parts.path}"
    yield proxy
    server.shutdown()
    server.server_close()
    thread.join()


def blob_target(
    azurite: Any, container: ContainerClient, endpoint: str = "", retries: int = 4
) -> BlobTarget:
    sas = generate_container_sas(
        azurite.account, container.container_name, account_key=azurite.key, permission="cw",
        start=datetime.now(UTC) - timedelta(minutes=30),
        expiry=datetime.now(UTC) + timedelta(minutes=10),
    )  # fmt: skip
    address = f"{endpoint or azurite.blob_endpoint}/{container.container_name}/prefix"
    return BlobTarget(address, sas, None, retries)


def names(container: ContainerClient) -> list[str]:
    return [blob.name for blob in container.list_blobs()]


def stored(container: ContainerClient) -> bytes:
    return container.get_blob_client(f"prefix/{PATH}").download_blob().readall()


def senders() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("put")]


def digest_of(content: bytes) -> Digest:
    return Digest(len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_a_folder_and_blob_get_the_same_bytes(
    azurite: Any, container: Any, tmp_path: Path, file: File
) -> None:
    content, work = file.content(), tmp_path / "work"
    work.mkdir()
    folder, blob = FolderTarget(tmp_path / "store"), blob_target(azurite, container)
    for target in (folder, blob):
        upload = target.begin(PATH, work)
        assert file.send(upload) == digest_of(content)
        upload.close()
    assert (tmp_path / "store" / PATH).read_bytes() == content
    assert stored(container) == content
    properties = container.get_blob_client(f"prefix/{PATH}").get_blob_properties()
    assert properties.metadata == {"sha256": hashlib.sha256(content).hexdigest()}
    assert properties.content_settings.content_type.startswith("image/tiff; application=geotiff")
    assert [p.name for p in (tmp_path / "store" / PATH).parent.iterdir()] == ["ndvi.tif"]
    assert not list(work.iterdir())
    assert not senders()


LARGE = FILES["blocks of two streams"]


@pytest.mark.parametrize("where", ["folder", "blob"])
def test_nothing_is_there_before_the_end_nor_after_giving_up(
    azurite: Any, container: Any, tmp_path: Path, where: str
) -> None:
    store = tmp_path / "store"
    target = FolderTarget(store) if where == "folder" else blob_target(azurite, container)
    upload = target.begin(PATH, tmp_path)
    for stream, data in LARGE.pieces():
        upload.write(stream, data)
        assert not names(container)
        assert not store.exists()
    upload.close()
    assert not names(container)
    assert not store.exists()
    assert not list(tmp_path.iterdir())
    assert not senders()


@pytest.mark.parametrize("where", ["folder", "blob"])
def test_giving_up_leaves_the_file_that_was_there(
    azurite: Any, container: Any, tmp_path: Path, where: str
) -> None:
    store = tmp_path / "store"
    target = FolderTarget(store) if where == "folder" else blob_target(azurite, container)
    target.put(b"before", PATH)
    upload = target.begin(PATH, tmp_path)
    for stream, data in LARGE.pieces():
        upload.write(stream, data)
    upload.close()
    assert (
        (store / PATH).read_bytes() == b"before"
        if where == "folder"
        else (stored(container) == b"before")
    )


@pytest.mark.parametrize("where", ["folder", "blob"])
def test_two_uploads_of_one_file_do_not_mix(
    azurite: Any, container: Any, tmp_path: Path, where: str
) -> None:
    """Two attempts at one task, of which a lost node's lives on; what is there is one of them.

    Blob forgets all blocks of a name that are not committed once one list is: the slower attempt
    fails then, to be tried again, and the file of the faster one stays.
    """
    store = tmp_path / "store"
    target = FolderTarget(store) if where == "folder" else blob_target(azurite, container)
    one, other = LARGE, File(b"other", [(0, BLOCK // 2)] * 5, [0])
    first, second = target.begin(PATH, tmp_path), target.begin(PATH, tmp_path)
    pieces = zip(list(one.pieces())[:5], other.pieces(), strict=True)
    for (stream, data), (own, more) in pieces:
        first.write(stream, data)
        second.write(own, more)
    second.finish(other.head, other.order)
    for stream, data in list(one.pieces())[5:]:
        first.write(stream, data)
    failed: list[Exit] = []
    try:
        first.finish(one.head, one.order)
    except TaskError as error:
        failed.append(error.exit)
    assert failed in ([], [Exit.STORE_UNREACHABLE] if where == "blob" else [])
    wanted = other.content() if failed else one.content()
    first.close()
    second.close()
    found = (store / PATH).read_bytes() if where == "folder" else stored(container)
    assert found == wanted


@pytest.mark.parametrize("kind", ["block", "list"])
@pytest.mark.parametrize("status", [503, -503], ids=["refused", "answer lost"])
def test_a_service_that_is_busy_once_does_no_harm(
    azurite: Any, container: Any, tmp_path: Path, proxy: Proxy, kind: str, status: int
) -> None:
    proxy.fail = lambda what, number: status if what == kind and number == 0 else None
    target = blob_target(azurite, container, proxy.address)
    retries = target._service._config.retry_policy
    retries.initial_backoff = retries.increment_base = retries.random_jitter_range = 0.05
    upload = target.begin(PATH, tmp_path)
    LARGE.send(upload)
    upload.close()
    assert proxy.seen[kind] > 1
    assert stored(container) == LARGE.content()


@pytest.mark.parametrize(
    ("status", "exit_"), [(503, Exit.STORE_UNREACHABLE), (403, Exit.STORE_DENIED)]
)
@pytest.mark.parametrize(("kind", "after"), [("block", 0), ("block", 3), ("list", 0)])
def test_a_service_that_refuses_for_ever_is_an_error_and_leaves_nothing(
    azurite: Any, container: Any, tmp_path: Path, proxy: Proxy, kind: str, after: int,
    status: int, exit_: Exit,
) -> None:  # fmt: skip
    proxy.fail = lambda what, number: status if what == kind and number >= after else None
    target = blob_target(azurite, container, proxy.address, retries=0)
    upload = target.begin(PATH, tmp_path)
    with pytest.raises(TaskError, match=f"HTTP {status}") as caught:
        LARGE.send(upload)
    upload.close()
    assert caught.value.exit is exit_
    assert "sig=" not in caught.value.message
    assert not names(container)
    assert not list(tmp_path.iterdir())
    assert not senders()


# --- folders


class StrangeError(Exception):
    """Anything that may end a task."""


@pytest.mark.parametrize(
    "error",
    [TaskError(Exit.STORE_FULL, "spool"), StrangeError(), KeyboardInterrupt(), OSError(5, "io")],
)
def test_a_failure_while_writing_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise error

    with pytest.raises((TaskError, type(error))):
        place(chunks(), tmp_path / "store" / "ndvi.tif")
    assert not list((tmp_path / "store").iterdir())


def test_a_disk_that_keeps_other_bytes_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk's part is played at the system's own door: what is synced is turned over."""
    (tmp_path / "ndvi.tif").write_bytes(b"before")
    sync = os.fsync

    def turn_over(descriptor: int) -> None:
        sync(descriptor)
        with Path(f"/proc/self/fd/{descriptor}").open("r+b") as file:
            file.seek(1000)
            file.write(b"\xff")

    monkeypatch.setattr(put_folder.os, "fsync", turn_over)
    with pytest.raises(TaskError, match="reads back with other bytes") as caught:
        place([bytes(5000)], tmp_path / "ndvi.tif")
    assert caught.value.exit is Exit.STORE_UNREACHABLE
    assert [p.name for p in tmp_path.iterdir()] == ["ndvi.tif"]
    assert (tmp_path / "ndvi.tif").read_bytes() == b"before"


def test_a_disk_that_fills_up_under_the_working_folder(
    small_disk: Callable[[str], Path], tmp_path: Path
) -> None:
    work = small_disk("256k")
    upload = FolderTarget(tmp_path / "store").begin(PATH, work)
    with pytest.raises(TaskError, match="working folder") as caught:
        File(b"head", [(0, 50_000)] * 20, [0]).send(upload)
    upload.close()
    assert caught.value.exit is Exit.STORE_FULL
    assert not list(work.iterdir())
    assert not (tmp_path / "store").exists()


HALF = """
import sys, time
from pathlib import Path
from scenefleet_task.put_folder import FolderTarget
work, store, when = sys.argv[1:]
upload = FolderTarget(Path(store)).begin("ndvi.tif", Path(work))
for _ in range(4):
    upload.write(0, bytes(1_000_000))
    upload.write(1, bytes(1_000_000))
if when == "placing":
    real = upload._spool.chunks
    def chunks(head, order):
        yield head
        print("now", flush=True)
        time.sleep(60)
    upload._spool.chunks = chunks
    upload.finish(b"head", [0, 1])
print("now", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("when", ["writing", "placing"])
def test_a_killed_process_leaves_no_file_that_stays(tmp_path: Path, when: str) -> None:
    """What it was placing is hidden, and the next attempt removes it."""
    work, store = tmp_path / "work", tmp_path / "store"
    work.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HALF, str(work), str(store), when],
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(TASK)},
    ) as process:  # fmt: skip
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert not list(work.iterdir())
    left = list(store.iterdir()) if store.exists() else []
    assert [(p.name.startswith("."), p.suffix) for p in left] == (
        [(True, ".part")] if when == "placing" else []
    )
    for part in left:
        os.utime(part, (time.time() - 60,) * 2)
    FolderTarget(store).put(b"again", "ndvi.tif")
    assert (store / "ndvi.tif").read_bytes() == b"again"
    assert list(store.iterdir()) == [store / "ndvi.tif"]
