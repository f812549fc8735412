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
    OUTDATED = "outdated"
    """Was done; since then outputs were replaced, moved or changed. It is shown, never recorded."""


TaskState = Literal["waiting", "running", "done", "failed"]


class Rules(BaseModel):
    """When a client that watches ends a run early: settings of the latest submission."""

    model_config = ConfigDict(frozen=True, extra="allow")

    give_up_minutes: float
    """Minutes for which nodes may be paid for while none can work."""
    stop_after: int | None
    """Failures of one kind in a row; 0 or None: never."""


class Run(BaseModel):
    """One execution of a plan, as kept in `runs/<id>/run.json`. Holds no secret.

    Fields that a newer version wrote are kept, so that this one does not take them away.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

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
    rules: Rules | None = None
    """None where an older version submitted the run, or nobody has."""
    submitting: str | None = None
    """What the submission of the latest job waits for, as of `updated`; None once all is sent."""
    stopped: str | None = None
    """Why a rule ended the latest job early, in a sentence; None where none did."""
    version: str
    """Of scenefleet."""


class OffsetFound(BaseModel):
    """Whether a Sentinel-2 item's numbers carry the offset of 1000, and how that was settled."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    metadata: str
    """What the metadata says: `carried`, `removed` or `disputed`."""
    evidence: tuple[str, ...] = ()
    """What the metadata says, a phrase a source."""
    pixels: str
    """What the pixels say: `carried`, `removed` or `unclear`."""
    settled_by: str
    """`metadata`, `pixels`, or `both` where they agree."""
    shares: dict[str, float] = {}
    """Shares of the pixels that the verdict rests on, from 0 to 1."""


class BandRead(BaseModel):
    """How one band's numbers were read: value = number x scale + offset."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    scale: float
    offset: float
    rule: str
    """Name of the rule that decided; `pixels` where they overruled the best guess."""


class PartRead(BaseModel):
    """How the numbers of one source item were read (`scenefleet:radiometry` of the output)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    item: str
    bands: dict[str, BandRead]
    """By common name."""
    check: OffsetFound | None = None
    """None where nobody looked at the pixels."""


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
    """Why it failed, was cut off, or is no longer done, for a person."""
    lost: bool = False
    """Whether it was done, and its outputs are not there any more as it made them."""
    valid_percent: float | None = None
    reasons: dict[str, int] = {}
    """Pixels by reason."""
    outputs: dict[str, str] = {}
    """Store path by asset key (`ndvi`, `reason`, `thumbnail`), for a finished task."""
    item_path: str | None = None
    """Store path of the output's STAC item, for a finished task."""
    radiometry: tuple[PartRead, ...] = ()
    """A part a source item, for a finished task; several where stations shared an acquisition."""
    negative_percent: float | None = None
    """Valid pixels of which a band's reflectance is at or below zero, per cent; None if unknown."""
    negative: str | None = None
    """What was decided of them: `keep`, `clip` or `mask`."""
    outside_percent: dict[str, float] = {}
    """Valid values outside the index's own range, per cent by output; outputs without any left
    out."""
    cut_percent: dict[str, float] = {}
    """Valid values that int16 could not hold, per cent by output; outputs without any left out."""

    @property
    def is_empty(self) -> bool:
        """Whether the task is done, and its output has no valid pixel."""
        if self.state != "done":
            return False
        # the count, where it is known: a share of 0 may be rounded
        return not self.reasons["valid"] if "valid" in self.reasons else self.valid_percent == 0
