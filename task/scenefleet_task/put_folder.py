"""Puts files into a folder: a temporary name, fsync, rename, and a second reading to verify."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path

from scenefleet_task.failure import TaskError
from scenefleet_task.put import CHUNK, Digest, digest
from scenefleet_task.spec import Exit

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


class FolderTarget:
    """A store that is a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, file: Path, path: str) -> Digest:
        """Puts a local file; see `put.Target`."""
        target = self._root / path
        # The process id keeps two attempts at one task (a lost node's, a retry's) apart.
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            wanted = digest(file)
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(file, part)
            written = digest(part)
            part.replace(target)
            _sync_folder(target.parent)
        except OSError as error:
            with contextlib.suppress(OSError):  # what could not be written may not be there
                part.unlink()
            raise store_error(error, target) from None
        if written != wanted:
            target.unlink(missing_ok=True)
            raise TaskError(
                Exit.STORE_UNREACHABLE,
                f"{target} reads back with other bytes than were written ({written.size} of "
                f"{wanted.size}); it was removed. Check the disk.",
            )
        return written


def store_error(error: OSError, target: Path) -> TaskError:
    """What an operating system's error means for a store."""
    said = f"{target} could not be written: {error.strerror or error}."
    if error.errno in _FULL:
        return TaskError(Exit.STORE_FULL, f"{said} Free some space, then retry.")
    if error.errno in _DENIED:
        return TaskError(Exit.STORE_DENIED, f"{said} Give write permission on the store's folder.")
    return TaskError(Exit.STORE_UNREACHABLE, f"{said} Check that the store is there, then retry.")


def _copy(file: Path, part: Path) -> None:
    with file.open("rb") as source, part.open("wb") as target:
        shutil.copyfileobj(source, target, CHUNK)
        target.flush()
        os.fsync(target.fileno())


def _sync_folder(folder: Path) -> None:
    """Makes the rename last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
