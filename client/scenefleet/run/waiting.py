"""What keeps a run's nodes from working: when the user is told, and when the run gives up. Pure."""

from __future__ import annotations

from dataclasses import dataclass

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
    since: float | None = None
    """When a node was first seen broken while none could work; None while that is not so."""
    said: float | None = None
    last: PoolHealth | None = None
    stopped: bool = False
    """Whether the run was ended for this: nothing is looked at any more."""

    def is_due(self, now: float) -> bool:
        """Tells whether it is time to look; not at once, since nodes need a while to start."""
        if self.stopped:
            return False
        return now - (self.began if self.looked is None else self.looked) >= LOOK_SECONDS

    def note(self, health: PoolHealth, now: float) -> Nodes | None:
        """Takes in what was seen; returns the event to give off, or None if there is no news."""
        self.looked = now
        if health.usable or not health.broken + health.coming:
            self.since = None
        elif health.broken and self.since is None:
            self.since = now
        calm = _is_calm(health)
        changed = health != self.last and not (calm and (self.last is None or _is_calm(self.last)))
        again = not health.usable and (self.said is None or now - self.said >= _TELL_SECONDS)
        self.last = health
        if not changed and not again:
            return None
        self.said = now
        left = None if self.since is None else self.since + 60 * self.give_up_minutes - now
        return Nodes(health, None if left is None else max(0.0, left / 60))

    def verdict(self, now: float) -> str | None:
        """Returns why the run is to be stopped, or None while there is hope."""
        if self.since is None or self.last is None or now - self.since < 60 * self.give_up_minutes:
            return None
        health, worst = self.last, next(iter(self.last.errors), "no error given")
        return (
            f"no node of pool {health.pool} could work for {self.give_up_minutes:g} minutes "
            f"(compute.give_up_minutes): {health.states}: {worst}"
        )


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
