"""Tells what became of outputs that a run made and that are not there as it made them.

Another run of a recipe of the same name writes to the same product, and people move and edit files.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from scenefleet.errors import NotInStoreError, ScenefleetError
from scenefleet.plan import Plan, document_ids, documents_of
from scenefleet.run.finished import Finished, item_path
from scenefleet.run.model import Run, RunState
from scenefleet.run.record import list_runs
from scenefleet.store import Entry, Store
from scenefleet_task import spec
from scenefleet_task.result import Result

_READERS = 8
"""Items read at once."""
_MOST_RUNS = 10
"""Runs of the product that are looked into, the newest first."""
_AGAIN = "`scenefleet run` computes it again"


def explain_lost(
    store: Store,
    run: Run,
    plan: Plan,
    finished: Mapping[str, Finished],
    attempts: Mapping[str, Sequence[Result]],
) -> dict[str, str]:
    """Returns a sentence for a person by task id, for tasks that were done and are so no more.

    Args:
        store: where the outputs are.
        run: the run; one that is recorded as done had all its outputs.
        plan: its plan.
        finished: the tasks that are done now.
        attempts: results by task id, the latest last.
    """
    lost = {
        task
        for task in document_ids(plan.documents)
        if task not in finished and _was_done(run, attempts.get(task, ()))
    }
    if not lost:
        return {}
    files = {entry.path: entry for entry in store.list(f"products/{plan.name}")}
    documents = documents_of(plan.documents, lost)
    with ThreadPoolExecutor(_READERS, thread_name_prefix="lost") as pool:
        seen = list(pool.map(partial(_look, store, files), documents))
    makers = _runs_of(store, run, {maker for _, maker in seen if maker is not None})
    found: dict[str, str] = {}
    for document, (fault, maker) in zip(documents, seen, strict=True):
        if maker is not None:
            by = f"run {makers[maker]}" if maker in makers else "a task of another run"
            found[document.id] = f"replaced by {by}; {_AGAIN}"
        elif fault is not None:
            found[document.id] = f"{fault}; {_AGAIN}"
    return found


def _was_done(run: Run, attempts: Sequence[Result]) -> bool:
    return run.state is RunState.DONE or bool(attempts and attempts[-1].code == spec.Exit.DONE)


def _look(
    store: Store, files: Mapping[str, Entry], document: spec.TaskDocument
) -> tuple[str | None, str | None]:
    """What is wrong with a task's outputs, and the id of the other task that made those there."""
    path = item_path(document)
    if path not in files:
        return f"file missing: {path}", None
    try:
        item: dict[str, Any] = json.loads(store.read(path))
        maker = str(item["properties"]["scenefleet:task"])
        if maker != document.id:
            return None, maker
        folder = PurePosixPath(path).parent
        faults = (
            _fault(str(folder / asset["href"]), files, asset) for asset in item["assets"].values()
        )
        return next(filter(None, faults), None), None
    except NotInStoreError:
        return f"file missing: {path}", None
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"file changed: {path}", None


def _fault(file: str, files: Mapping[str, Entry], asset: Mapping[str, Any]) -> str | None:
    """What is wrong with a file, by what its item says of it."""
    entry = files.get(file)
    if entry is None:
        return f"file missing: {file}"
    digest = entry.sha256
    same = digest is None or str(asset["file:checksum"]).endswith(digest)
    return None if same and entry.size == asset["file:size"] else f"file changed: {file}"


def _runs_of(store: Store, run: Run, tasks: Collection[str]) -> dict[str, str]:
    """The id of the newest other run of the product that planned each task, by task id."""
    found: dict[str, str] = {}
    if not tasks:
        return found
    others = [one for one in list_runs(store) if one.name == run.name and one.id != run.id]
    for other in others[:_MOST_RUNS]:
        with suppress(ScenefleetError):  # of another version, or damaged
            for task in _planned(store, other):
                if task in tasks:
                    found.setdefault(task, other.id)
        if len(found) == len(tasks):
            break
    return found


def _planned(store: Store, run: Run) -> Iterator[str]:
    """Ids of a run's tasks."""
    for line in store.lines(f"runs/{run.id}/plan.jsonl"):
        with suppress(ValueError, KeyError, TypeError):
            yield str(json.loads(line)["id"])
