"""One source's bytes, open: a local file, a file behind an address, or a copy of one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field

from scenefleet_task.access import Access
from scenefleet_task.fetch import Bytes, FetchError, FileBytes, patience_of
from scenefleet_task.heads import SIZE, Head
from scenefleet_task.http_bytes import HttpBytes
from scenefleet_task.log import log
from scenefleet_task.names import Name
from scenefleet_task.probe import Finding, probe_file
from scenefleet_task.reach import href_problem
from scenefleet_task.spec import Exit

MOST_COPIED = 2_000_000_000
"""Bytes of a file that is copied whole to the working folder, where a server gives no ranges."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source that is open."""

    bytes: Bytes
    size: int
    """Of the file."""
    start: bytes = field(repr=False)
    """Its first bytes."""
    borrowed: bool = False
    """Whether another closes it."""

    def close(self) -> None:
        """Closes what is its own."""
        if not self.borrowed:
            self.bytes.close()


def open_source(
    name: Name, access: Access, clock: Callable[[], float], head: Head | None = None
) -> Source:
    """Opens a source that the document may reach.

    Args:
        name: the source.
        access: signs its address.
        clock: seconds since the epoch.
        head: the file's beginning, if it is at hand.

    Raises:
        FetchError: if it may not be read, or does not come.
    """
    problem = href_problem(name.href, name.reach)
    if problem:
        raise FetchError(Finding(Exit.SOURCE_DENIED, f"it is not read: {problem}."))
    if head:
        return Source(head.bytes, head.size, head.data, borrowed=True)
    if not name.far:
        return _local(name.href)
    file = HttpBytes(
        name.href, access, reach=name.reach, patience=patience_of(os.environ), clock=clock
    )
    with contextlib.ExitStack() as stack:
        stack.callback(file.close)
        start = file.start(SIZE)
        if start is None:
            return _copied(name, file)
        stack.pop_all()
        return Source(file, file.size, start)


def _local(path: str) -> Source:
    try:
        file = FileBytes(path)
    except OSError as error:
        raise FetchError(probe_file(path, str(error))) from None
    return Source(file, file.size, file.start(SIZE))


def _copied(name: Name, file: HttpBytes) -> Source:
    log.info("%s: its server gives no ranges; it is copied whole", name)
    with tempfile.TemporaryFile(dir=".", prefix="scenefleet-") as copy:
        file.copy(copy, MOST_COPIED)
        local = FileBytes(str(name), os.dup(copy.fileno()))
        return Source(local, local.size, local.start(SIZE))
