"""A run's files in the store: `run.json`, `recipe.yaml`, `items.jsonl`, `plan.jsonl`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from scenefleet import __version__
from scenefleet.catalog import Scene
from scenefleet.catalog.scenes import item_lines
from scenefleet.errors import NotInStoreError, ScenefleetError, StoreError, UsageError
from scenefleet.plan import Documents, LeftOut, Plan, document_lines
from scenefleet.recipe import PublishedPart, RecipeFile, parse, resolved
from scenefleet.recipe.part import near
from scenefleet.run.model import Run, RunState
from scenefleet.store import Store, write_once
from scenefleet.store.base import sha256
from scenefleet_task import spec


def now() -> str:
    """The time as records hold it: RFC 3339, UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def create(store: Store, source: RecipeFile, plan: Plan, scenes: Sequence[Scene]) -> Run:
    """Writes a run's files, `run.json` last; a run that is there already is returned as it is.

    Where somebody deleted the files of a run at work, which then wrote its `run.json` anew, they
    are written again: a run's id is made of what they say.

    Raises:
        StoreError: if the store cannot be written.
    """
    store.prepare()
    folder = f"runs/{plan.id}"
    known = find(store, plan.id)
    if known is not None and _has(store, f"{folder}/left_out.jsonl"):  # the last of the others
        return known
    if script := source.recipe.process.script:
        write_once(store, f"code/{script.sha256}.py", script.text.encode())
    store.write(f"{folder}/recipe.yaml", resolved(source.recipe).encode())
    store.write_lines(f"{folder}/items.jsonl", item_lines(scenes))
    store.write_lines(f"{folder}/plan.jsonl", document_lines(plan.documents))
    left_out = ({"item": left.item, "reason": left.reason} for left in plan.left_out)
    store.write_lines(f"{folder}/left_out.jsonl", map(spec.dump, left_out))
    if known is not None:
        return known
    moment = now()
    run = Run(
        id=plan.id,
        name=plan.name,
        state=RunState.ANALYSED,
        created=moment,
        updated=moment,
        backend=source.recipe.compute.backend,
        tasks=len(plan.documents),
        version=__version__,
    )
    save(store, run)
    return run


def _has(store: Store, path: str) -> bool:
    try:
        store.read(path)
    except NotInStoreError:
        return False
    return True


def save(store: Store, run: Run) -> None:
    """Writes `run.json` whole or not at all."""
    store.write(f"runs/{run.id}/run.json", (run.model_dump_json(indent=1) + "\n").encode())


def key(store: Store, run_id: str) -> str:
    """Names a run and its store: the same recipe in two stores is two runs.

    It begins the ids of the run's Batch jobs, which have 64 characters at most.
    """
    address = store.address
    if not address.startswith("az://"):
        address = str(Path(address).resolve())  # a link to a store is that store
    return f"{run_id}-{sha256(os.fsencode(address))[:6]}"


def update(store: Store, run: Run, **changes: object) -> Run:
    """The run as it is recorded now, with some changes, saved: others may have changed the rest."""
    run = (find(store, run.id) or run).model_copy(update={**changes, "updated": now()})
    save(store, run)
    return run


def find(store: Store, run_id: str) -> Run | None:
    """The run's record, or None where there is no such run.

    Raises:
        StoreError: if the record is there and cannot be read.
    """
    path = f"runs/{run_id}/run.json"
    try:
        return Run.model_validate_json(store.read(path))
    except NotInStoreError:
        return None
    except ValidationError:
        raise StoreError(
            f"{store.address}/{path} is no record of a run of this version of scenefleet; it was "
            "written by another version, or damaged"
        ) from None


def load(store: Store, run_id: str) -> Run:
    """The run's record.

    Raises:
        UsageError: if there is no such run, naming those there are.
    """
    if (run := find(store, run_id)) is not None:
        return run
    known = [run.id for run in list_runs(store)]
    begin = [name for name in known if name.startswith(run_id)][:3]
    hint = f"; did you mean {' or '.join(map(repr, begin))}?" if begin else near(run_id, known)
    there = f"there are {', '.join(known[:5])}" if known else "there is none"
    more = " A recipe is named by --recipe." if run_id.endswith((".yaml", ".yml")) else ""
    raise UsageError(f"{store.address} holds no run {run_id!r}{hint} {there}.{more}")


def list_runs(store: Store) -> list[Run]:
    """All runs of the store that can be read, the newest first."""
    runs = [run for name in store.folders("runs") if (run := readable(store, name)) is not None]
    return sorted(runs, key=lambda run: (run.created, run.id), reverse=True)


def readable(store: Store, run_id: str) -> Run | None:
    """The run's record, or None where there is none that can be read."""
    try:
        return find(store, run_id)
    except StoreError:
        return None  # one damaged record must not hide the others; naming the run tells of it


def load_plan(store: Store, run: Run) -> Plan:
    """The plan as it was frozen with the run.

    Raises:
        StoreError: if another version of scenefleet planned it, or a line of it is damaged.
    """
    path = f"runs/{run.id}/plan.jsonl"
    try:
        documents = Documents()
        for line in store.lines(path):
            value = json.loads(line)
            _check_version(run, value)
            documents.add(spec.from_json(value), line)
        left = [json.loads(line) for line in store.lines(f"runs/{run.id}/left_out.jsonl")]
    except ValueError as error:
        raise StoreError(f"{store.address}/{path} is damaged: {error}") from None
    left_out = tuple(LeftOut(str(entry["item"]), str(entry["reason"])) for entry in left)
    return Plan(name=run.name, documents=documents, left_out=left_out)


def _check_version(run: Run, document: Any) -> None:  # noqa: ANN401 - any JSON value
    version = (
        cast("dict[str, Any]", document).get("version") if isinstance(document, dict) else None
    )
    if isinstance(version, int) and version != spec.VERSION:
        raise StoreError(
            f"{run.id} was planned by another version of scenefleet ({run.version}; its tasks are "
            f"of version {version}, and this one reads {spec.VERSION}). Its outputs stand as they "
            "are. Look at it with that version, or give `scenefleet run` its recipe: that says "
            "what would be computed anew, and asks."
        )


def describe_product(store: Store, run: Run, source: RecipeFile | None) -> PublishedPart:
    """What the product's collection is to say of itself: the recipe at hand's, else the run's own.

    No id depends on it, so a run that is there keeps what a later recipe of it says.
    """
    own = source if source is not None and source.recipe.name == run.name else None
    try:
        frozen = load_recipe(store, run)
    except ScenefleetError:  # of another version, or gone: the results are there all the same
        return own.recipe.output.collection if own else PublishedPart()
    if own is None:
        return frozen.recipe.output.collection
    about = own.recipe.output.collection
    if about != frozen.recipe.output.collection:
        output = frozen.recipe.output.model_copy(update={"collection": about})
        recipe = frozen.recipe.model_copy(update={"output": output})
        store.write(f"runs/{run.id}/recipe.yaml", resolved(recipe).encode())
    return about


def load_recipe(store: Store, run: Run) -> RecipeFile:
    """The recipe as it was frozen with the run; paths in it start from the current folder."""
    text = store.read(f"runs/{run.id}/recipe.yaml").decode()
    return RecipeFile(parse(text, Path("recipe.yaml")), Path("recipe.yaml"), text)
