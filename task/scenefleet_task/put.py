"""Puts files into the store: whole or not at all, and proven to have arrived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scenefleet_task.setting import Setting

TYPES = {
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".png": "image/png",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
"""Media types by suffix; a STAC item's assets say the same."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What a file holds, in short."""

    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""


class Upload(Protocol):
    """A file under way: several streams, of which the order is known at the end."""

    def write(self, stream: int, data: bytes) -> None:
        """Adds to a stream's end.

        Raises:
            TaskError: `STORE_FULL`, `STORE_DENIED` or `STORE_UNREACHABLE`.
        """
        ...

    def finish(self, head: bytes, order: Sequence[int]) -> Digest:
        """Puts the file in its place, replacing one that is there: the head, then the streams.

        Raises:
            TaskError: as `write`.
        """
        ...

    def close(self) -> None:
        """Lets go of what is held; a file that was not finished leaves nothing behind."""
        ...


class Target(Protocol):
    """Where files are put."""

    def put(self, data: bytes, path: str) -> Digest:
        """Puts a small file at a path below the store's root, replacing one that is there.

        Raises:
            TaskError: `STORE_FULL`, `STORE_DENIED` or `STORE_UNREACHABLE`.
        """
        ...

    def begin(self, path: str, folder: Path) -> Upload:
        """Begins a large file; `folder` is the working folder, for what must wait on disk."""
        ...


def digest_of(data: bytes) -> Digest:
    """Of a small file."""
    import hashlib  # late: it loads OpenSSL, and few who import this need it

    return Digest(len(data), hashlib.sha256(data).hexdigest())


def media_type(path: str) -> str:
    """Of a file, by its name."""
    return TYPES.get(Path(path).suffix, "application/octet-stream")


CLIENT_MEMORY = 90_000_000
"""Bytes of a client of Blob storage, and of what is on its way."""


def memory_of(setting: Setting) -> int:
    """Bytes that the supervisor takes to put files, told without loading what it puts them by."""
    return CLIENT_MEMORY if is_far(setting.store) else 0


def is_far(store: str) -> bool:
    """Tells whether a store lies behind an address."""
    return store.startswith(("http://", "https://"))


def target_for(setting: Setting) -> Target:
    """The store of this task. The Azure SDK is imported only where it is needed.

    Raises:
        TaskError: if the store's address or its credential cannot be used.
    """
    if is_far(setting.store):
        from scenefleet_task.put_blob import BlobTarget

        return BlobTarget(setting.store, setting.sas, setting.identity)
    from scenefleet_task.put_folder import FolderTarget

    return FolderTarget(Path(setting.store))
