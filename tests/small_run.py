"""A run of three small tasks on a Batch service, without a catalogue or pixels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scenefleet.fleet.submit import JobSpec, add_tasks, close_job, create_job
from scenefleet.plan import Plan
from scenefleet.recipe import RecipeFile, parse
from scenefleet.run import Run, RunState, create, update
from scenefleet.run.finished import item_path
from scenefleet.store import NodeAccess, NodeFile, Store
from scenefleet_task import spec

_RECIPE = "version: 1\nname: test\nsearch: {bbox: [1, 2, 3, 4], dates: 2023}\n"
_RED = spec.Band(
    name="red",
    asset="B04",
    href="https://example.org/B04.tif",
    scale=0.0001,
    offset=0.0,
    nodata=0.0,
    rule="s2-baseline<04.00",
)


def document(
    name: str, *, product: str = "test", properties: dict[str, Any] | None = None
) -> spec.TaskDocument:
    """Returns a task document of a scene that is never read; its item has these properties."""
    return spec.seal(
        spec.TaskDocument(
            version=spec.VERSION,
            id="",
            product=product,
            folder=name,
            source=spec.Source(
                id=name,
                collection="c",
                href=None,
                datetime="2023-06-01T00:00:00Z",
                bbox=(5.0, 51.0, 6.0, 52.0),
                geometry={"type": "Point", "coordinates": [5, 51]},
                properties=properties or {},
            ),
            access="none",
            parts=(spec.Part(item=name, bands=(_RED,), masks=(), check=None),),
            outputs=(spec.Output(name="red", title="red", formula="red", scale=0.0001),),
            dtype="int16",
            stacked=False,
            compression="deflate",
            script=None,
            grid=None,
            clip=None,
        )
    )


PLAN = Plan(name="test", documents=(document("a"), document("b"), document("c")))


def source() -> RecipeFile:
    """Returns the run's recipe."""
    return RecipeFile(parse(_RECIPE, Path("r.yaml")), Path("r.yaml"), _RECIPE)


def put_output(store: Store, one: spec.TaskDocument, data: bytes = b"pixels") -> None:
    """Writes what a task that is done leaves behind."""
    folder = item_path(one).rpartition("/")[0]
    checksum = "1220" + hashlib.sha256(data).hexdigest()
    asset = {"href": "./ndvi.tif", "file:size": len(data), "file:checksum": checksum}
    properties = {"scenefleet:task": one.id, "scenefleet:valid_percent": 50.0}
    store.write(f"{folder}/ndvi.tif", data)
    item = {"id": one.folder, "properties": properties, "assets": {"ndvi": asset}}
    store.write(item_path(one), json.dumps(item).encode())


def plan_of(number: int) -> Plan:
    """Returns a plan of so many scenes."""
    return Plan(name="test", documents=tuple(document(f"scene-{n:03}") for n in range(number)))


def begin(
    client: Any,
    store: Store,
    *,
    job: str,
    pool: str,
    command: str = "true",
    plan: Plan = PLAN,
    minutes: int = 10,
    files: Mapping[str, NodeFile] | None = None,
) -> Run:
    """Submits a run's tasks, three or a plan's, to a pool that is there; records it as running."""
    wanted = JobSpec(
        job=job,
        pool=pool,
        run="run",
        command=command,
        files=files or {},
        access=NodeAccess({}),
        retries=0,
        task_minutes=minutes,
        hours=1,
    )
    create_job(client, wanted)
    add_tasks(client, wanted, plan.documents, deadline=1e9, clock=lambda: 0.0)
    close_job(client, job)
    run = create(store, source(), plan, [])
    return update(store, run, state=RunState.RUNNING, jobs=(job,), pool=pool)
