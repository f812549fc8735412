"""Copies a run's results out of the store, checked by checksum."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from scenefleet.errors import NotInStoreError, StoreError
from scenefleet.inputs import cut
from scenefleet.plan import Plan
from scenefleet.recipe import PublishedPart
from scenefleet.results.collection import write_collection
from scenefleet.run.finished import Finished, find_finished
from scenefleet.store import Store

_COPIES = 4
"""Files copied at once: enough to fill a line, few enough for a laptop's disk."""
_MULTIHASH = "1220"


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy came to."""

    files: int
    there: int
    """Files that were there already, with the right checksum."""
    bytes: int
    scenes: int
    """Scenes whose files are all there now."""
    missing: int
    """Scenes of the run that are not: not computed yet, failed, or damaged in the store."""


def fetch(store: Store, plan: Plan, folder: Path, about: PublishedPart | None = None) -> Copied:
    """Copies the finished scenes' files and the collection to `folder`, each item last.

    Args:
        store: The store.
        plan: The run's plan.
        folder: Where to.
        about: What the recipe says of the product, where its collection has to be made yet.

    Raises:
        StoreError: if the folder is the store's own, a file cannot be read or written, or arrives
            with another checksum.
    """
    _check_outside(store, folder)
    finished = find_finished(store, plan.documents, deep=False)
    if not finished:
        raise StoreError(
            f"{plan.id} has no finished scene in {store.address}: nothing was computed yet, or a "
            "later recipe of the same name wrote over it"
        )
    _check_target(folder / "collection.json", plan.name)
    root = PurePosixPath(f"products/{plan.name}")
    with ThreadPoolExecutor(_COPIES, thread_name_prefix="fetch") as pool:
        parts = list(pool.map(partial(_copy, store, root, folder), finished.values()))
    _fetch_collection(store, plan.name, folder, about)
    files, there, size = (sum(values) for values in zip(*parts, strict=True))
    scenes = len(finished)
    return Copied(files, there, size, scenes, len(plan.documents) - scenes)


def _check_outside(store: Store, folder: Path) -> None:
    """Refuses a folder that is the store or lies in it, by whatever name it is given."""
    if "://" in store.address:
        return
    place, root = folder.resolve(), Path(store.address).resolve()
    above = (one for one in (place, *place.parents) if one.exists())
    if any(one.samefile(root) for one in above):
        raise StoreError(
            f"{folder} is {'the store itself' if place == root else 'inside the store'} "
            f"({store.address}): a copy would mix with its files. Name a folder outside it"
        )


def _check_target(collection: Path, product: str) -> None:
    """Refuses to write over a collection that is not this product's."""
    if not collection.exists():
        return
    try:
        there = json.loads(collection.read_text(encoding="utf-8"))["id"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise StoreError(
            f"{collection} is there and cannot be read as a STAC collection. Delete it if it is a "
            "damaged copy, or name another folder"
        ) from None
    if there != product:
        raise StoreError(
            f"{collection} is of {cut(str(there), 100)}, not of {product}; name another folder"
        )


def _fetch_collection(
    store: Store, product: str, folder: Path, about: PublishedPart | None
) -> None:
    path = f"products/{product}/collection.json"
    try:
        store.fetch(path, folder / "collection.json")
    except NotInStoreError:  # the client was cut off before it wrote one
        write_collection(store, product, about)
        store.fetch(path, folder / "collection.json")


def _copy(store: Store, root: PurePosixPath, folder: Path, scene: Finished) -> tuple[int, int, int]:
    files = there = size = 0
    for key, path in scene.assets.items():
        target = folder / PurePosixPath(path).relative_to(root)
        wanted = str(scene.item["assets"][key]["file:checksum"]).removeprefix(_MULTIHASH)
        if target.is_file() and _digest(target) == wanted:
            there += 1
            continue
        store.fetch(path, target)
        if _digest(target) != wanted:
            target.unlink()
            raise StoreError(
                f"{path}: differs from the checksum in its item: it is damaged. Run again"
            )
        files, size = files + 1, size + target.stat().st_size
    store.fetch(scene.item_path, folder / PurePosixPath(scene.item_path).relative_to(root))
    return files, there, size


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
