"""What keeps a run's nodes from working: when the user is told, and when the run gives up. Pure.

How long a node has been broken is the service's to say, so that every client counts the same,
whenever it began to watch. Minutes in which the service gave no answer do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from scenefleet.fleet import PoolHealth
from scenefleet.run.events import Nodes

LOOK_SECONDS = 15.0
"""Between looks at the nodes, so that a broken one is told of within a minute."""
_TELL_SECONDS = 60.0
"""Between lines while no node can work and nothing changes."""


@dataclass(slots=True)
class Waiting:
    """What was seen of a pool's nodes so far, in seconds of one rising clock."""

    give_up_minutes: float
    began: float
    """When the watching began."""
    looked: float | None = None
    """When an answer last came."""
    since: float | None = None
    """From when minutes count: a node was broken while none could work; None while that is not
    so."""
    excused: float = 0.0
    """Seconds since then without an answer."""
    said: float | None = None
    last: PoolHealth | None = None
    silent: bool = False
    """Whether no answer came since `looked`."""
    worked: datetime | None = None
    """When a node could last be seen to work, by the service's clock."""
    stopped: bool = False
    """Whether the run was ended by a rule: nothing is looked at any more."""

    def is_due(self, now: float) -> bool:
        """Tells whether it is time to look; not at once, since nodes need a while to start."""
        if self.stopped:
            return False
        return now - (self.began if self.looked is None else self.looked) >= LOOK_SECONDS

    def lose(self) -> None:
        """Takes in that the service gave no answer."""
        self.silent = True

    def note(
        self, health: PoolHealth, now: float, *, after: datetime | None = None
    ) -> Nodes | None:
        """Takes in what was seen; returns the event to give off, or None if there is no news.

        Args:
            health: the nodes.
            now: the time, by the clock of this object.
            after: a moment before which minutes do not count, by the service's clock: when the job
                was made, or a node last ran a task.
        """
        gap = self._gap(health, now) if self.silent else 0.0
        self.looked, self.silent = now, False
        if health.usable or not health.broken + health.coming:
            self.since, self.excused = None, 0.0
            self.worked = health.now if health.usable else self.worked
        elif health.broken:
            began = now - self._age(health, after)
            self.since = began if self.since is None else min(self.since, began)
        if self.since is not None:
            self.excused += min(gap, now - self.since)
        calm = _is_calm(health)
        changed = health != self.last and not (calm and (self.last is None or _is_calm(self.last)))
        again = not health.usable and (self.said is None or now - self.said >= _TELL_SECONDS)
        self.last = health
        if not changed and not again:
            return None
        self.said = now
        left = self._left(now)
        return Nodes(health, None if left is None else max(0.0, left / 60))

    def verdict(self, now: float) -> str | None:
        """Returns why the run is to be stopped, or None while there is hope."""
        left = self._left(now)
        if left is None or self.last is None or self.silent or left > 0:
            return None
        health, worst = self.last, next(iter(self.last.errors), "no error given")
        return (
            f"no node of pool {health.pool} could work for {self.give_up_minutes:g} minutes "
            f"(compute.give_up_minutes): {health.states}: {worst}"
        )

    def _left(self, now: float) -> float | None:
        """Seconds until the run is given up; None while that does not threaten."""
        if self.since is None:
            return None
        return self.since + self.excused + 60 * self.give_up_minutes - now

    def _age(self, health: PoolHealth, after: datetime | None) -> float:
        """Seconds for which a node has been broken while none could work; 0 if nobody tells."""
        if health.now is None or health.broken_since is None:
            return 0.0
        moments = [health.broken_since, *(m for m in (after, self.worked) if m is not None)]
        return max(0.0, (health.now - max(moments)).total_seconds())

    def _gap(self, health: PoolHealth, now: float) -> float:
        """Seconds between the last answer and this one, by the clock that went further."""
        gap = now - (self.began if self.looked is None else self.looked)
        if health.now is None or self.last is None or self.last.now is None:
            return gap
        return max(gap, (health.now - self.last.now).total_seconds())


def describe(health: PoolHealth, minutes_left: float | None = None) -> list[str]:
    """Returns the state of the nodes in sentences, the first of which says how many can work."""
    states = f" ({health.states})" if health.counts else ""
    wanted = f" of {health.wanted}" if health.wanted else ""
    none = "" if health.wanted or health.counts else "; the pool asks for none yet"
    lines = [f"nodes: {health.usable}{wanted} can work{states}{none}"]
    lines += [f"  {number} x {text}" for text, number in health.errors.items()]
    lines += [f"  pool: {text}" for text in health.troubles]
    if minutes_left is not None:
        lines.append(
            f"  nodes that cannot work are paid for: the run is ended in {minutes_left:.0f} min "
            "unless one can (compute.give_up_minutes)"
        )
    elif not health.usable and not health.broken and not health.coming:
        lines.append("  waiting for machines, which costs nothing, until compute.max_hours")
    return lines


def _is_calm(health: PoolHealth) -> bool:
    """Whether the nodes are as a run expects them to be."""
    return bool(health.usable) and not (health.broken or health.preempted or health.troubles)
