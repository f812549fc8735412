"""A run in a few numbers, folded from its tasks' outcomes."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scenefleet.run.model import TaskOutcome, TaskState

STATES: tuple[TaskState, ...] = ("done", "running", "waiting", "failed")
"""In the order in which the report shows them, drawn from below to the top of the map."""

MARKS: Mapping[TaskState, str] = {
    "done": "\N{CHECK MARK}",
    "running": "\N{CIRCLE WITH LEFT HALF BLACK}",
    "waiting": "\N{WHITE CIRCLE}",
    "failed": "\N{MULTIPLICATION X}",
}
"""A sign beside each state's name, so that no state is told by its colour alone."""

REASONS = (
    "valid", "cloud", "shadow", "snow", "water", "class", "saturated", "negative", "no_signal",
    "nodata",
)  # fmt: skip
"""As bars stack them. `outside` is left out: what lies beyond the area was never wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the head of a report says."""

    counts: Mapping[TaskState, int]
    seconds_total: float | None
    """Wall time of the last attempts of all tasks together, in seconds; None before any ended."""
    seconds_median: float | None
    """Of the tasks that are done."""
    valid_percent: float | None
    """Valid share of all pixels that are inside the area and have data, over the tasks done."""
    empty: int
    """How many tasks are done and have no valid pixel."""


def summarise(outcomes: Sequence[TaskOutcome]) -> Summary:
    """Folds outcomes, in any order."""
    counted = Counter(outcome.state for outcome in outcomes)
    seconds = [o.seconds for o in outcomes if o.seconds is not None]
    done = [o.seconds for o in outcomes if o.seconds is not None and o.state == "done"]
    pixels = add_reasons(o for o in outcomes if o.state == "done")
    return Summary(
        counts={state: counted[state] for state in STATES},
        seconds_total=sum(seconds) if seconds else None,
        seconds_median=statistics.median(done) if done else None,
        valid_percent=valid_share(pixels),
        empty=sum(outcome.is_empty for outcome in outcomes),
    )


def add_reasons(outcomes: Iterable[TaskOutcome]) -> Counter[str]:
    """Pixels by reason, over several tasks."""
    total: Counter[str] = Counter()
    for outcome in outcomes:
        total.update(outcome.reasons)
    return total


def valid_share(pixels: Mapping[str, int]) -> float | None:
    """Valid per cent of the pixels that are neither `outside` nor `nodata`; None of none."""
    seen = sum(n for reason, n in pixels.items() if reason not in ("outside", "nodata"))
    return 100.0 * pixels.get("valid", 0) / seen if seen else None
