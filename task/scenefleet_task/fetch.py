"""Ranges of a file's bytes: what gives them, and a local file that does.

Whatever reads a source, by tiles or through GDAL, reads it by ranges: whole, or an error that says
why. `http_bytes` has the files behind addresses.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from scenefleet_task.local_file import open_plain
from scenefleet_task.probe import Finding, probe_file
from scenefleet_task.spec import Exit

CHANGED = Finding(Exit.SOURCE_UNREACHABLE, "it changed while it was read. Retry.")
"""Another version of a file came than the one that was begun with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a server is waited for."""

    tries: int = 5
    """Of one range."""
    pause: float = 1.0
    """Seconds after the first try; doubled after each."""
    connect: float = 20.0
    """Seconds; without it a dead host holds a node for minutes."""
    stall: float = 60.0
    """Seconds without a byte."""
    whole: float = 900.0
    """Seconds for a range: a row of tiles on a slow link."""


def patience_of(environment: Mapping[str, str]) -> Patience:
    """Takes patience from GDAL's settings of the same meaning: engineers know those names."""
    say = environment.get
    return Patience(
        tries=int(say("GDAL_HTTP_MAX_RETRY", 4)) + 1,
        pause=float(say("GDAL_HTTP_RETRY_DELAY", 1)),
        connect=float(say("GDAL_HTTP_CONNECTTIMEOUT", 20)),
        stall=float(say("GDAL_HTTP_LOW_SPEED_TIME", 60)),
    )


class FetchError(Exception):
    """A range that did not come."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.text)
        self.finding = finding


class Bytes(Protocol):
    """A file that is read by ranges, from many threads."""

    @property
    def near(self) -> bool:
        """Whether asking costs next to nothing: then nothing is asked for ahead of use."""
        ...

    def fetch(self, start: int, size: int) -> Any:  # noqa: ANN401 - any buffer of bytes
        """Exactly `size` bytes from `start`.

        Raises:
            FetchError: if they do not come.
        """
        ...

    def close(self) -> None:
        """Lets go of the file; what is under way is not tried again. May be called twice."""
        ...


class FileBytes:
    """A local file, as it was when it was opened."""

    near = True

    def __init__(self, path: str, number: int | None = None) -> None:
        """Opens a path that is a plain file's, or takes over a file that is open.

        Raises:
            OSError: if it cannot be opened.
        """
        self._path = path
        self._file: int | None = open_plain(path) if number is None else number
        self._version = self._now()
        self.size = self._version[0]

    def start(self, size: int) -> bytes:
        """The first bytes."""
        return os.pread(self._open_file(), size, 0)

    def fetch(self, start: int, size: int) -> Any:  # noqa: ANN401 - see `Bytes`
        """See `Bytes.fetch`."""
        said, data = "", bytearray(size)
        view, done = memoryview(data), 0
        try:
            while done < size:
                got = os.preadv(self._open_file(), [view[done:]], start + done)
                if not got:
                    break
                done += got
            if self._now() != self._version:
                raise FetchError(CHANGED)
        except OSError as error:
            said = str(error)
        if done < size:
            raise FetchError(probe_file(self._path, said, start + size))
        return data

    def close(self) -> None:
        """Closes it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _now(self) -> tuple[int, int]:
        about = os.fstat(self._open_file())
        return about.st_size, about.st_mtime_ns

    def _open_file(self) -> int:
        if self._file is None:  # its number may be another file's by now
            raise OSError("it was closed")
        return self._file
