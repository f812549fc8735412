"""Which tasks are done.

The output is the truth: an item that is there, written by the very task, whose files are all there
with the sizes and checksums that it names. Nothing else counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

from scenefleet.errors import NotInStoreError
from scenefleet.store import Entry, Store
from scenefleet_task import spec

_READERS = 8
"""Items read, or files hashed, at once: a store answers each after some milliseconds."""
_SHA256 = "1220"
"""How a multihash of SHA-256 begins: function 0x12, 0x20 bytes (STAC file extension)."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a task left in the store."""

    item_path: str
    item: Mapping[str, Any]
    """The STAC item."""
    assets: Mapping[str, str]
    """Store path by asset key."""


def find_finished(
    store: Store, documents: Iterable[spec.TaskDocument], *, deep: bool
) -> dict[str, Finished]:
    """The tasks that are done, by id.

    Args:
        store: where the outputs are.
        documents: the tasks in question, all of one product.
        deep: hash files whose checksum the store does not know; else sizes alone are compared,
            which is enough for files that a task has just verified.
    """
    wanted = iter(documents)
    first = next(wanted, None)
    if first is None:
        return {}
    files = {entry.path: entry for entry in store.list(f"products/{first.product}")}
    there = [d for d in chain([first], wanted) if item_path(d) in files]
    with ThreadPoolExecutor(_READERS, thread_name_prefix="finished") as pool:
        found = pool.map(partial(_check, store, files, deep), there)
        return {d.id: one for d, one in zip(there, found, strict=True) if one is not None}


def item_path(document: spec.TaskDocument) -> str:
    """Where a task writes its STAC item, below the store's root."""
    return f"products/{document.product}/{document.folder}/{document.folder}.json"


def _check(
    store: Store,
    files: Mapping[str, Entry],
    deep: bool,
    document: spec.TaskDocument,
) -> Finished | None:
    path = item_path(document)
    try:
        item: dict[str, Any] = json.loads(store.read(path))
        if item["properties"]["scenefleet:task"] != document.id:
            return None
        folder = PurePosixPath(path).parent
        assets = {key: str(folder / asset["href"]) for key, asset in item["assets"].items()}
        for key, asset in item["assets"].items():
            entry = files.get(assets[key])
            if entry is None or entry.size != asset["file:size"]:
                return None
            digest = entry.sha256 or (store.digest(entry.path) if deep else None)
            if digest is not None and asset["file:checksum"] != _SHA256 + digest:
                return None
    except (ValueError, KeyError, TypeError, AttributeError, NotInStoreError):
        return None  # a damaged or foreign item is no proof that the task is done
    return Finished(path, item, assets)
