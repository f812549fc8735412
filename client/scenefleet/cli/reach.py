"""How a verb reaches the service that a run is on."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from scenefleet.cli.options import Desk
from scenefleet.cli.show import say
from scenefleet.fleet import Fleet, join_fleet
from scenefleet.run import Run, RunState, key


@contextmanager
def reach(desk: Desk, run: Run, *, ended_too: bool = False) -> Generator[Fleet | None]:
    """The fleet of a run; None for a local run that nobody runs now.

    Args:
        desk: the store and the settings.
        run: the run.
        ended_too: whether a service is asked about a run that is recorded as ended, too. A verb
            that only reads does not, so that it needs no account.
    """
    asks = ended_too or run.state == RunState.RUNNING
    backend = run.backend if asks else "local"
    name = key(desk.store, run.id)
    with join_fleet(backend, desk.settings, key=name, notice=say_held) as fleet:
        yield fleet


def say_held(text: str) -> None:
    """Says what a verb waits for."""
    say(f"held up: {text}")
