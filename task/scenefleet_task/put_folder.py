"""Puts files into a folder: a temporary name, fsync, a second reading to verify, rename."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Sequence
from io import FileIO
from pathlib import Path
from zlib import crc32

from scenefleet_task.exits import Exit
from scenefleet_task.failure import TaskError
from scenefleet_task.part_file import part_file
from scenefleet_task.put import Digest
from scenefleet_task.spool import CHUNK, Spool

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


class FolderTarget:
    """A store that is a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, data: bytes, path: str) -> Digest:
        """Puts a small file; see `put.Target`."""
        return place([data], self._root / path)

    def begin(self, path: str, folder: Path) -> FolderUpload:
        """Begins a large file; see `put.Target`."""
        return FolderUpload(self._root / path, folder)


class FolderUpload:
    """A file under way to a folder; see `put.Upload`."""

    def __init__(self, target: Path, folder: Path) -> None:
        self._target = target
        self._spool = Spool(folder, target.name)

    def write(self, stream: int, data: bytes) -> None:
        """Adds to a stream's end."""
        self._spool.write(stream, data)

    def finish(self, head: bytes, order: Sequence[int]) -> Digest:
        """Puts the file in its place."""
        return place(self._spool.chunks(head, order), self._target)

    def close(self) -> None:
        """Lets go of the streams."""
        self._spool.close()


def place(chunks: Iterable[bytes], target: Path) -> Digest:
    """Writes a file under a temporary name, reads it back, and renames it.

    Raises:
        TaskError: if it cannot be written, or reads back otherwise.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part_file(target) as (part, file):
            digest, wanted = _write(chunks, file)
            found = _check(part)
            if found == wanted:
                part.replace(target)
                _sync_folder(target.parent)
    except OSError as error:
        raise store_error(error, target) from None
    if found != wanted:
        raise TaskError(
            Exit.STORE_UNREACHABLE,
            f"{target} reads back with other bytes than were written; it was removed. "
            "Check the disk.",
        )
    return digest


def store_error(error: OSError, target: Path) -> TaskError:
    """What an operating system's error means for a store."""
    said = f"{target} could not be written: {error.strerror or error}."
    if error.errno in _FULL:
        return TaskError(Exit.STORE_FULL, f"{said} Free some space, then retry.")
    if error.errno in _DENIED:
        return TaskError(Exit.STORE_DENIED, f"{said} Give write permission on the store's folder.")
    return TaskError(Exit.STORE_UNREACHABLE, f"{said} Check that the store is there, then retry.")


def _write(chunks: Iterable[bytes], file: FileIO) -> tuple[Digest, int]:
    """The file's digest, and its CRC-32 for `_check`."""
    sha256, crc, size = hashlib.sha256(), 0, 0
    for chunk in chunks:
        sha256.update(chunk)
        crc = crc32(chunk, crc)
        size += len(chunk)
        rest = memoryview(chunk)
        while rest:  # a raw file may take less than all
            rest = rest[file.write(rest) :]
    os.fsync(file.fileno())
    return Digest(size, sha256.hexdigest()), crc


def _check(part: Path) -> int:
    """The CRC-32 of what is on disk: what a disk or a copy gets wrong is chance, not malice."""
    crc, buffer = 0, memoryview(bytearray(CHUNK))
    with part.open("rb", buffering=0) as file:
        while size := file.readinto(buffer):
            crc = crc32(buffer[:size], crc)
    return crc


def _sync_folder(folder: Path) -> None:
    """Makes the rename last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
