"""What a file under way holds so far: several streams on disk, put in order at the end.

A COG's head and overviews stand before its pixels, and are known last. So tiles go to a stream a
level as they are made, and the file is those streams one after another.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import IO

from scenefleet_task.exits import Exit
from scenefleet_task.failure import TaskError
from scenefleet_task.put import Digest

CHUNK = 1 << 18
"""Bytes read at once: few enough to be in the processor's cache until all is done with them."""
_BUFFER = 1 << 17
"""Bytes of a stream that wait in memory."""
_NO_TMPFILE = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL}
"""What a file system says that knows no files without a name."""


class Spool:
    """Streams of one file, in the working folder."""

    def __init__(self, folder: Path, name: str) -> None:
        """Holds nothing yet; what it writes has names that begin with `name`."""
        self._folder = folder
        self._name = name
        self._streams: dict[int, IO[bytes]] = {}

    def write(self, stream: int, data: bytes) -> None:
        """Adds to a stream's end.

        Raises:
            TaskError: `STORE_FULL`: nothing but a full or limited disk stops a write there.
        """
        with self._telling():
            if stream not in self._streams:
                number = _nameless(self._folder, self._name)
                self._streams[stream] = os.fdopen(number, "w+b", buffering=_BUFFER)
            self._streams[stream].write(data)

    def chunks(self, head: bytes, order: Sequence[int]) -> Iterator[bytes]:
        """The whole file: a head, then the streams in an order. A chunk holds until the next.

        Raises:
            TaskError: as `write`.
        """
        yield head
        for stream in order:
            if stream in self._streams:
                file = self._streams[stream]
                with self._telling():
                    file.seek(0)  # writes what is in the buffer
                while chunk := file.read(CHUNK):
                    yield chunk

    def digest(self, head: bytes, order: Sequence[int]) -> Digest:
        """Of the whole file."""
        sha256, size = hashlib.sha256(), 0
        for chunk in self.chunks(head, order):
            sha256.update(chunk)
            size += len(chunk)
        return Digest(size, sha256.hexdigest())

    def close(self) -> None:
        """Lets go of all streams."""
        for file in self._streams.values():
            with contextlib.suppress(OSError):  # a full disk does not take what is in the buffer
                file.close()
        self._streams.clear()

    @contextlib.contextmanager
    def _telling(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            import shutil

            free = shutil.disk_usage(self._folder).free / 1e6
            raise TaskError(
                Exit.STORE_FULL,
                f"the working folder could not be written ({free:.0f} MB free): "
                f"{error.strerror or error}. Use nodes with a larger disk, or fewer task slots "
                "a node.",
            ) from None


def _nameless(folder: Path, name: str) -> int:
    """Opens a file that is gone with the process, whatever ends it.

    It never has a name where the system allows that, and else none that can be foreseen: a script,
    which may write in the folder, could put a link in its place.
    """
    flags = os.O_RDWR | os.O_CLOEXEC
    if hasattr(os, "O_TMPFILE"):
        try:
            return os.open(folder, flags | os.O_TMPFILE, 0o600)
        except OSError as error:
            if error.errno not in _NO_TMPFILE:
                raise
    path = folder / f".{name}.{secrets.token_hex(8)}.spool"
    number = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    path.unlink()
    return number
