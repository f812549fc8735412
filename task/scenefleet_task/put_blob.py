"""Puts files into Azure Blob Storage, by a write-only SAS or a managed identity.

A write-only SAS cannot read back, so the service does the verifying: every block carries its MD5
and is refused if it arrives otherwise, and a blob is there only once all its blocks are committed.
"""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.credentials import AzureSasCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import BlobBlock, BlobClient, BlobServiceClient, ContentSettings

from scenefleet_task.denied import remedy
from scenefleet_task.exits import Exit
from scenefleet_task.failure import TaskError
from scenefleet_task.network import cause_of
from scenefleet_task.put import Digest, digest_of, media_type
from scenefleet_task.redact import redact
from scenefleet_task.spool import Spool

if TYPE_CHECKING:
    from azure.identity import ManagedIdentityCredential

BLOCK = 8 * 1024 * 1024
"""Bytes a block: large enough for 250 MB in 32 requests, small enough to be held several times."""
CONCURRENCY = 2
"""More gain little (2.1 s at 1, 1.4 s at 4 for 263 MB) and each holds a block in memory."""
_RETRIES = 4
_HEAD = -1
"""The head's stream."""


class BlobTarget:
    """A store that is a container, or a prefix in one."""

    def __init__(
        self, address: str, sas: str | None, identity: str | None, retries: int = _RETRIES
    ) -> None:
        """Makes a client; asks nothing of the service yet.

        Args:
            address: of the container and prefix, without query.
            sas: a SAS with write and create permission, with or without its question mark.
            identity: client id of a managed identity, used where there is no SAS.
            retries: of the SDK, for a request that failed on its way.

        Raises:
            TaskError: if the address or the credential cannot be used.
        """
        account, container, self._prefix = split_address(address)
        self._address = address.rstrip("/")
        self._sas = sas.lstrip("?") if sas else None
        self._service = BlobServiceClient(
            account,
            credential=_credential(self._sas, identity),
            retry_total=retries,
            initial_backoff=1,  # the default is 15 s
            connection_timeout=20,  # seconds
            max_single_put_size=BLOCK,
            max_block_size=BLOCK,
        )
        self._container = container

    def put(self, data: bytes, path: str) -> Digest:
        """Puts a small file; see `put.Target`."""
        digest = digest_of(data)
        with self.telling(path):
            self.blob(path).upload_blob(
                data,
                overwrite=True,
                validate_content=True,
                metadata={"sha256": digest.sha256},
                content_settings=ContentSettings(content_type=media_type(path)),
            )
        return digest

    def begin(self, path: str, folder: Path) -> BlobUpload:
        """Begins a large file; see `put.Target`."""
        return BlobUpload(self, path, folder)

    def blob(self, path: str) -> BlobClient:
        """A client of the blob at a path below the store's root."""
        return self._service.get_blob_client(self._container, f"{self._prefix}{path}")

    @contextmanager
    def telling(self, path: str) -> Generator[None]:
        """Turns what the SDK says into a message about the store.

        Raises:
            TaskError: of the store.
        """
        try:
            yield
        except AzureError as error:
            raise self._error(error, path) from None

    def _error(self, error: AzureError, path: str) -> TaskError:
        where = f"{self._address}/{path} could not be written"
        if not isinstance(error, HttpResponseError) or error.status_code is None:
            said = f"{where}: no answer: {cause_of(error)}. Retry later."
            return TaskError(Exit.STORE_UNREACHABLE, said)
        code: Any = getattr(error, "error_code", None) or error.reason
        code = getattr(code, "value", code)  # an enum of the SDK where it knows the code
        said = f"{where}: HTTP {error.status_code} ({self._clean(str(code))})."
        if error.status_code in (401, 403):
            return TaskError(Exit.STORE_DENIED, f"{said} {remedy(str(code))}")
        if error.status_code == 404:
            return TaskError(Exit.STORE_UNREACHABLE, f"{said} Make the container first.")
        return TaskError(Exit.STORE_UNREACHABLE, f"{said} Retry later.")

    def _clean(self, text: str) -> str:
        """Without the SAS, in whatever form it got there."""
        text = redact(" ".join(text.split()))[:200]
        return text.replace(self._sas, "<redacted>") if self._sas else text


class BlobUpload:
    """A file under way to Blob storage, in blocks that are sent while more is made.

    Blocks are anonymous until the list of them is committed, in whatever order: so the head, which
    is made last, comes first. Every name holds this upload's own letters, so that two attempts at
    one task cannot mix.
    """

    def __init__(self, target: BlobTarget, path: str, folder: Path) -> None:
        self._target = target
        self._path = path
        self._blob = target.blob(path)
        self._letters = uuid.uuid4().hex
        self._spool = Spool(folder, Path(path).name)
        self._open: dict[int, bytearray] = {}
        self._blocks: dict[int, list[str]] = {}
        self._count = 0
        self._sending: set[Future[None]] = set()
        self._senders = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="put")

    def write(self, stream: int, data: bytes) -> None:
        """Adds to a stream's end; a block that is full is sent in the background."""
        self._spool.write(stream, data)
        block = self._open.setdefault(stream, bytearray())
        block += data
        if len(block) >= BLOCK:
            self._send(stream, bytes(self._open.pop(stream)))

    def finish(self, head: bytes, order: Sequence[int]) -> Digest:
        """Sends what is left, and commits the blocks."""
        for stream in list(self._open):
            self._send(stream, bytes(self._open.pop(stream)))
        self._send(_HEAD, head)
        digest = self._spool.digest(head, order)  # meanwhile
        self._settle(0)
        names = [name for stream in (_HEAD, *order) for name in self._blocks.get(stream, ())]
        with self._target.telling(self._path):
            self._blob.commit_block_list(
                [BlobBlock(name) for name in names],
                metadata={"sha256": digest.sha256},
                content_settings=ContentSettings(content_type=media_type(self._path)),
            )
        return digest

    def close(self) -> None:
        """Ends what is being sent; blocks that were not committed are the service's to forget."""
        self._senders.shutdown(cancel_futures=True)
        self._spool.close()

    def _send(self, stream: int, data: bytes) -> None:
        if not data:  # the service takes no empty block
            return
        name = f"{self._letters}{self._count:08d}"
        self._count += 1
        self._blocks.setdefault(stream, []).append(name)
        self._settle(CONCURRENCY - 1)
        self._sending.add(self._senders.submit(self._stage, name, data))

    def _stage(self, name: str, data: bytes) -> None:
        with self._target.telling(self._path):
            self._blob.stage_block(name, data, len(data), validate_content=True)

    def _settle(self, most: int) -> None:
        """Waits until at most so many blocks are under way.

        Raises:
            TaskError: of a block that could not be sent.
        """
        while len(self._sending) > most:
            done, self._sending = wait(self._sending, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()


def split_address(address: str) -> tuple[str, str, str]:
    """The account's address, the container, and the prefix with its slash, of a store's address.

    `https://account.blob.core.windows.net/container/prefix`, or, on an IP address or localhost,
    `http://127.0.0.1:10000/account/container/prefix` as Azurite has it.

    Raises:
        TaskError: if no container is named.
    """
    parts = urlsplit(address)
    segments = [segment for segment in parts.path.split("/") if segment]
    path_style = _is_loopback_like(parts.hostname or "")
    if len(segments) < 1 + path_style:
        raise TaskError(
            Exit.DOCUMENT,
            f"the store's address {address} names no container; it is like "
            "https://account.blob.core.windows.net/container/prefix",
        )
    account = "/".join([f"{parts.scheme}://{parts.netloc}", *segments[:path_style]])
    prefix = "".join(f"{segment}/" for segment in segments[path_style + 1 :])
    return account, segments[path_style], prefix


def _is_loopback_like(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _credential(
    sas: str | None, identity: str | None
) -> AzureSasCredential | ManagedIdentityCredential:
    if sas:
        return AzureSasCredential(sas)
    if identity:
        from azure.identity import ManagedIdentityCredential

        return ManagedIdentityCredential(client_id=identity)
    raise TaskError(
        Exit.DOCUMENT,
        "the store is on Blob, but there is neither a SAS (SCENEFLEET_STORE_SAS) nor a managed "
        "identity (SCENEFLEET_STORE_IDENTITY) to write to it",
    )
