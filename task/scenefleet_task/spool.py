"""What a file under way holds so far: several streams on disk, put in order at the end.

A COG's head and overviews stand before its pixels, and are known last. So tiles go to a stream a
level as they are made, and the file is those streams one after another.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from scenefleet_task.failure import TaskError
from scenefleet_task.put import Digest
from scenefleet_task.spec import Exit

CHUNK = 1 << 18
"""Bytes read at once: few enough to be in the processor's cache until all is done with them."""
_BUFFER = 1 << 17
"""Bytes of a stream that wait in memory."""


class Spool:
    """Streams of one file, in the working folder."""

    def __init__(self, folder: Path, name: str) -> None:
        """Holds nothing yet; what it writes has names that begin with `name`."""
        self._folder = folder
        self._name = name
        self._streams: dict[int, BinaryIO] = {}

    def write(self, stream: int, data: bytes) -> None:
        """Adds to a stream's end.

        Raises:
            TaskError: `STORE_FULL`: nothing but a full or limited disk stops a write there.
        """
        with self._telling():
            if stream not in self._streams:
                path = self._folder / f".{self._name}.{stream}.spool"
                self._streams[stream] = path.open("w+b", buffering=_BUFFER)
                path.unlink()  # gone with the process, whatever ends it
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
            free = shutil.disk_usage(self._folder).free / 1e6
            raise TaskError(
                Exit.STORE_FULL,
                f"the working folder could not be written ({free:.0f} MB free): "
                f"{error.strerror or error}. Use nodes with a larger disk, or fewer task slots "
                "a node.",
            ) from None
