"""Where files live: a folder, or Azure Blob."""

from __future__ import annotations

from pathlib import Path

from scenefleet.settings import Settings
from scenefleet.store.base import Entry, NodeAccess, NodeFile, Store

__all__ = ["Entry", "NodeAccess", "NodeFile", "Store", "open_store"]


def open_store(address: str, *, base: Path, settings: Settings) -> Store:
    """The store at an address; nothing is read or made yet.

    Args:
        address: a folder, relative to `base`, or `az://account/container/prefix`.
        base: the recipe's folder, usually.
        settings: credentials for Blob.

    Raises:
        StoreError: if the address names no container.
    """
    if address.startswith("az://"):
        from scenefleet.store.blob import BlobStore

        return BlobStore(address, settings.azure)
    from scenefleet.store.folder import FolderStore

    return FolderStore(base / Path(address).expanduser())
