"""The supervisor's order to the computing process. Standard library only.

It says nothing of the store, and holds no secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scenefleet_task.budget import Budget
from scenefleet_task.errand import Text
from scenefleet_task.line import Json

Box = tuple[int, int, int, int]
"""Row, column, height, width in pixels of the outputs."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One window, to be tried here."""

    window: Box | None
    """None takes one in the area, or the middle."""
    folder: Path
    """Where rasters and pictures go."""
    near: Path | None = None
    """A file with the area, GeoJSON in degrees."""
    whole: bool = False
    """Whether all of that area is wanted (`choice.Wish`)."""
    explain: bool = False
    """Whether the log says how pixels are read; else it has what a script prints, and warnings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A task."""

    text: Text
    """Its document."""
    scratch: Path
    """A folder of this attempt's own."""
    started: float
    """Seconds since the epoch."""
    memory: int
    """Bytes that the task may take in all, for GDAL's caches."""
    budget: Budget
    """What computing may use: the supervisor's share is taken off."""
    trial: Trial | None = None

    def message(self) -> tuple[Json, bytes]:
        """The order as a message on a line."""
        trial = self.trial
        words = Json(
            file=str(self.text.file) if self.text.file else None,
            scratch=str(self.scratch),
            started=self.started,
            memory=self.memory,
            budget=[self.budget.memory, self.budget.threads],
            trial=_words(trial) if trial else None,
        )
        return words, self.text.data

    @staticmethod
    def of(words: Json, data: bytes) -> Order:
        """The reverse of `message`."""
        memory, threads = words["budget"]
        trial = None
        if words["trial"]:
            window, folder, near, whole, explain = words["trial"]
            box = tuple(window) if window else None
            trial = Trial(box, Path(folder), Path(near) if near else None, whole, explain)
        return Order(
            text=Text(data, Path(words["file"]) if words["file"] else None),
            scratch=Path(words["scratch"]),
            started=words["started"],
            memory=words["memory"],
            budget=Budget(memory=memory, threads=threads),
            trial=trial,
        )


def _words(trial: Trial) -> list[object]:
    near = str(trial.near) if trial.near else None
    return [trial.window, str(trial.folder), near, trial.whole, trial.explain]
