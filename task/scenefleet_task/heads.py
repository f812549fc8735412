"""The beginnings of files behind addresses: all asked for at once, before GDAL is even loaded.

A Cloud Optimized GeoTIFF has its headers there. GDAL would take two round trips a source for them
(one of which asks for the whole file and hangs up), and they would wait for its import.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from scenefleet_task.access import Access
from scenefleet_task.failure import TaskError
from scenefleet_task.fetch import FetchError, Patience, patience_of
from scenefleet_task.http_bytes import HttpBytes
from scenefleet_task.names import Name

SIZE = 32_768
"""Bytes: twice the headers of a Sentinel-2 band with its overviews. GDAL reads what lies beyond."""
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Head:
    """A file's beginning."""

    bytes: HttpBytes
    """For the rest of the very same file: another version of it is an error."""
    data: bytes = field(repr=False)
    size: int
    """Of the file."""


class Heads:
    """Beginnings that are on their way."""

    def __init__(self, coming: dict[str, Future[Head | None]]) -> None:
        self._coming = coming

    def of(self, name: Name) -> Head | None:
        """A source's, waited for; None of a local file, and where a server gives no ranges.

        Raises:
            TaskError: if it does not come.
        """
        future = self._coming.get(name.href)
        return future.result() if future else None


@contextmanager
def asked(names: Sequence[Name], access: Access) -> Generator[Heads]:
    """Asks for the beginnings of all sources behind addresses; closes those files at the end."""
    patience = patience_of(os.environ)
    opened: list[HttpBytes] = []

    def ask(name: Name) -> Head | None:
        return _ask(name, access, patience, opened)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="head") as pool:
        try:
            files = {name.href: name for name in names if name.far}  # of several bands: once
            yield Heads({href: pool.submit(ask, name) for href, name in files.items()})
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for file in opened:  # also ends the pauses of what is still asked for
                file.close()


def _ask(name: Name, access: Access, patience: Patience, opened: list[HttpBytes]) -> Head | None:
    try:
        file = HttpBytes(name.href, access, reach=name.reach, patience=patience)
        opened.append(file)
        data = file.start(SIZE)
    except FetchError as error:
        said = f"{name}: {error.finding.text} (while opening it)"
        raise TaskError(error.finding.exit, said) from None
    return None if data is None else Head(file, data, file.size)
