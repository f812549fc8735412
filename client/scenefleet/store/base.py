"""What a store must do. A path is relative, has forward slashes and never leaves the store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from scenefleet.errors import NotInStoreError


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in a store."""

    path: str
    size: int
    """Bytes."""
    sha256: str | None
    """Hexadecimal digest as the store knows it without reading the file; None where it does not."""


@dataclass(frozen=True, slots=True)
class NodeAccess:
    """What a node gets in its environment to write to the store. Its text never shows a secret."""

    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NodeFile:
    """Where a node downloads one file from. Its text never shows the address, which may be signed.

    Attributes:
        url: the address; holds a read-only SAS for this one file where no identity is used.
        identity: resource id of the managed identity that Batch reads it as, or None.
    """

    url: str = field(repr=False)
    identity: str | None = None


class Store(Protocol):
    """Where files live. Every method raises `StoreError` or `NotAuthorisedError`."""

    @property
    def address(self) -> str:
        """As a person writes it: a folder's path, or `az://account/container/prefix`."""
        ...

    def prepare(self) -> None:
        """Makes the folder or container where it is missing, and checks that it can be written."""
        ...

    def read(self, path: str) -> bytes:
        """The file's bytes; raises `NotInStoreError` where there is none."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Writes the file whole or not at all, replacing one that is there."""
        ...

    def lines(self, path: str) -> Iterator[bytes]:
        """The file's lines without their ends, read bit by bit; raises as `read` does."""
        ...

    def write_lines(self, path: str, lines: Iterable[bytes]) -> None:
        """Writes the lines, each with an end, whole or not at all; holds few of them at a time."""
        ...

    def fetch(self, path: str, target: Path) -> None:
        """Copies the file to a local path, whole or not at all."""
        ...

    def list(self, prefix: str) -> Iterator[Entry]:
        """Files below a folder, in no order; none where the folder is not there."""
        ...

    def folders(self, prefix: str) -> list[str]:
        """Names of the folders directly below one, sorted; none where it is not there."""
        ...

    def digest(self, path: str) -> str:
        """SHA-256 of the file's bytes, in hexadecimal; reads it where the store does not know."""
        ...

    def node_access(self, hours: float) -> NodeAccess:
        """What a node needs to write to this store for so many hours, and nothing more."""
        ...

    def node_file(self, path: str, hours: float) -> NodeFile:
        """Where a node downloads one file of this store from, for so many hours."""
        ...


def write_once(store: Store, path: str, data: bytes) -> bool:
    """Writes a file unless the store has it with these bytes; returns whether it was written.

    For files named by their content. One that is broken is written anew.

    Raises:
        StoreError: if the store cannot be read or written.
    """
    try:
        if store.digest(path) == sha256(data):
            return False
    except NotInStoreError:
        pass
    store.write(path, data)
    return True


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()
