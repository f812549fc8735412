"""Where files live: a folder, or Azure Blob."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from scenefleet.settings import Settings
from scenefleet.store.base import Entry, NodeAccess, NodeFile, Store, write_once
from scenefleet_task.reach import is_local_name

__all__ = [
    "Entry",
    "NodeAccess",
    "NodeFile",
    "Store",
    "check_store",
    "folder_of",
    "hosts_of",
    "open_store",
    "write_once",
]


def hosts_of(address: str, settings: Settings) -> tuple[str, ...]:
    """The hosts that a store's blobs are read from, which may be private: they are the user's own.

    One on this machine, as an emulator of Blob Storage is, is none of them: whatever else listens
    here has the same host.
    """
    if not address.startswith("az://"):
        return ()
    account = address.removeprefix("az://").partition("/")[0].lower()
    own = urlsplit(settings.azure.storage_endpoint or "").hostname
    hosts = (f"{account}.blob.core.windows.net", *((own,) if own else ()))
    return tuple(host for host in hosts if not is_local_name(host))


def folder_of(address: str, *, base: Path) -> Path | None:
    """The folder that a store is, from an address relative to `base`; None for one of Blob."""
    return None if address.startswith("az://") else base / Path(address).expanduser()


def check_store(address: str, *, base: Path) -> None:
    """Checks that a folder can be a store, and makes nothing; of Blob nothing is asked.

    Args:
        address: as in `open_store`.
        base: as in `open_store`.

    Raises:
        StoreError: if it cannot be one.
        NotAuthorisedError: if this user may not write there.
    """
    folder = folder_of(address, base=base)
    if folder is not None:
        from scenefleet.store.folder import FolderStore

        FolderStore(folder).check()


def open_store(address: str, *, base: Path, settings: Settings) -> Store:
    """The store at an address; nothing is read or made yet.

    Args:
        address: a folder, relative to `base`, or `az://account/container/prefix`.
        base: the recipe's folder, usually.
        settings: credentials for Blob.

    Raises:
        StoreError: if the address names no container.
    """
    folder = folder_of(address, base=base)
    if folder is None:
        from scenefleet.store.blob import BlobStore

        return BlobStore(address, settings.azure)
    from scenefleet.store.folder import FolderStore

    return FolderStore(folder)
