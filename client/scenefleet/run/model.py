"""What a run is, as values: its record, the outcomes of its tasks, and the events it gives off."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class RunState(StrEnum):
    """The states of a run, in the order they are met."""

    CREATED = "created"
    ANALYSED = "analysed"
    RUNNING = "running"
    DONE = "done"
    PARTIAL = "partial"
    """Ended with some tasks failed; the finished outputs stand, `retry` redoes the others."""
    FAILED = "failed"
    CANCELLED = "cancelled"


TaskState = Literal["waiting", "running", "done", "failed"]


class Run(BaseModel):
    """One execution of a plan, as kept in `runs/<id>/run.json`. Holds no secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    """The recipe's name, which is the product's name too."""
    state: RunState
    created: str
    """RFC 3339, UTC; so are the other times."""
    updated: str
    started: str | None = None
    ended: str | None = None
    backend: Literal["local", "azure"]
    tasks: int
    """How many tasks the plan has."""
    code: str | None = None
    """SHA-256 of the task's code that the last submission used."""
    pool: str | None = None
    jobs: tuple[str, ...] = ()
    """Batch jobs of this run, oldest first: a retry makes a new one."""
    version: str
    """Of scenefleet."""


class TaskOutcome(BaseModel):
    """How far one task of a run has come; what `status`, `list` and the report show a row of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    item: str
    collection: str
    datetime: str
    geometry: dict[str, Any]
    """The scene's footprint: GeoJSON, EPSG:4326."""
    state: TaskState
    cloud_cover: float | None = None
    """Per cent, as the catalogue says."""
    attempts: int = 0
    seconds: float | None = None
    """Wall time of the last attempt."""
    exit: str | None = None
    """Name of the task's exit (`scenefleet_task.spec.Exit`, lower case), of the last attempt."""
    message: str | None = None
    """Why it failed, for a person."""
    valid_percent: float | None = None
    reasons: dict[str, int] = {}
    """Pixels by reason."""
    outputs: dict[str, str] = {}
    """Store path by asset key (`ndvi`, `reason`, `thumbnail`), for a finished task."""
    item_path: str | None = None
    """Store path of the output's STAC item, for a finished task."""
