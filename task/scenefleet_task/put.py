"""Puts files into the store: whole or not at all, and proven to have arrived."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scenefleet_task.setting import Setting

CHUNK = 4 * 1024 * 1024
"""Bytes held at once."""
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
    md5: bytes
    """Blob storage keeps it as Content-MD5; nothing relies on it for safety."""


class Target(Protocol):
    """Where files are put."""

    def put(self, file: Path, path: str) -> Digest:
        """Puts a local file at a path below the store's root, replacing one that is there.

        Raises:
            TaskError: `STORE_FULL`, `STORE_DENIED` or `STORE_UNREACHABLE`.
        """
        ...


def digest(file: Path) -> Digest:
    """Reads a file and digests it."""
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            sha256.update(chunk)
            md5.update(chunk)
            size += len(chunk)
    return Digest(size, sha256.hexdigest(), md5.digest())


def media_type(path: str) -> str:
    """Of a file, by its name."""
    return TYPES.get(Path(path).suffix, "application/octet-stream")


def target_for(setting: Setting) -> Target:
    """The store of this task. The Azure SDK is imported only where it is needed.

    Raises:
        TaskError: if the store's address or its credential cannot be used.
    """
    if setting.store.startswith(("http://", "https://")):
        from scenefleet_task.put_blob import BlobTarget

        return BlobTarget(setting.store, setting.sas, setting.identity)
    from scenefleet_task.put_folder import FolderTarget

    return FolderTarget(Path(setting.store))
