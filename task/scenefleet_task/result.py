"""What a task says when it ends: one JSON line on standard output, kept in the store as well.

Standard library only: the client reads these, as it reads `spec`.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One file that a task wrote to the store."""

    name: str
    """The asset's key in the output item: `ndvi`, `reason`, `thumbnail`."""
    path: str
    """Below the store's root, with forward slashes."""
    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal digest of the file's bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one attempt at a task ended."""

    task: str
    item: str
    attempt: str
    """UTC start, `YYYYMMDDTHHMMSSZ`, and a few letters: sorts by time, names the log's folder."""
    exit: str
    """Name of an `spec.Exit` in lower case."""
    code: int
    message: str
    """For a person: what went wrong, with which source, and what to do. Empty when done."""
    started: str
    """RFC 3339, UTC."""
    seconds: float
    """Wall time."""
    cpu_seconds: float
    """User and system time of the computing process and its supervisor."""
    peak_memory_mb: float
    """Largest resident set of the computing process, in MB of 1e6 bytes."""
    valid_percent: float | None = None
    """Valid share of the pixels that are inside and have data (neither `outside` nor `nodata`)."""
    reasons: dict[str, int] = field(default_factory=dict[str, int])
    """Pixels by `spec.Reason` in lower case; sums to the raster's size."""
    outputs: tuple[Output, ...] = ()
    further: bool = False
    """Whether the supervisor was to make another attempt: then this one decides nothing."""


def to_line(result: Result) -> str:
    """The result as one line of JSON, without a line break."""
    return json.dumps(dataclasses.asdict(result), separators=(",", ":"), sort_keys=True)


def from_line(line: str | bytes) -> Result:
    """Reads what `to_line` wrote; keys of a newer version are passed over.

    Raises:
        ValueError: if the line is no result.
    """
    value: Any = json.loads(line)
    if not isinstance(value, dict) or "task" not in value or "exit" not in value:
        raise ValueError("not a task's result line")
    known = {f.name for f in dataclasses.fields(Result)}
    kept: dict[str, Any] = {k: v for k, v in value.items() if k in known}  # pyright: ignore[reportUnknownVariableType]
    try:
        kept["outputs"] = tuple(Output(**output) for output in kept.get("outputs", ()))
        return Result(**kept)
    except TypeError as error:
        raise ValueError(f"not a task's result line: {error}") from None
