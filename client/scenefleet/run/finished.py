"""Which tasks are done.

The output is the truth: an item that is there, written by the very task, whose files are all there
with the sizes and checksums that it names. Nothing else counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    found = find_outputs(store, documents, deep=deep, wanted=lambda task, made_by: task == made_by)
    return {document.id: one for document, one in found}


def find_outputs(
    store: Store,
    documents: Iterable[spec.TaskDocument],
    *,
    deep: bool,
    wanted: Callable[[str, str], bool],
) -> Iterator[tuple[spec.TaskDocument, Finished]]:
    """The whole outputs where the tasks write theirs, each beside its task, in the tasks' order.

    Args:
        store: where the outputs are.
        documents: the tasks in question, all of one product.
        deep: as in `find_finished`.
        wanted: whether an output counts, by the task's id and by the id of the task that made it.
    """
    rest = iter(documents)
    first = next(rest, None)
    if first is None:
        return
    files = {entry.path: entry for entry in store.list(f"products/{first.product}")}
    there = [d for d in chain([first], rest) if item_path(d) in files]
    with ThreadPoolExecutor(_READERS, thread_name_prefix="finished") as pool:
        found = pool.map(partial(_check, store, files, deep, wanted), there)
        for document, one in zip(there, found, strict=True):
            if one is not None:
                yield document, one


def item_path(document: spec.TaskDocument) -> str:
    """Where a task writes its STAC item, below the store's root."""
    return f"products/{document.product}/{document.folder}/{document.folder}.json"


def _check(
    store: Store,
    files: Mapping[str, Entry],
    deep: bool,
    wanted: Callable[[str, str], bool],
    document: spec.TaskDocument,
) -> Finished | None:
    path = item_path(document)
    try:
        item: dict[str, Any] = json.loads(store.read(path))
        if not wanted(document.id, item["properties"]["scenefleet:task"]):
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
