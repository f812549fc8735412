"""Two runs that write one product at once: they would take each other's outputs away."""

from __future__ import annotations

from scenefleet.errors import UsageError
from scenefleet.fleet import Fleet, is_held
from scenefleet.run.life import is_active
from scenefleet.run.model import Run, RunState
from scenefleet.run.record import key, readable
from scenefleet.store import Store


def check_alone(store: Store, fleet: Fleet, run: Run) -> None:
    """Refuses a run beside another one of its recipe's name that goes on.

    To be asked once the run is claimed and recorded: of two that begin together one sees the other.

    Args:
        store: where both write.
        fleet: where `run` is to go.
        run: the run that is to begin.

    Raises:
        UsageError: if there is such a run, naming it.
    """
    for name in store.folders("runs"):
        # its id is the recipe's name, a hyphen and ten digits: no other record need be read
        if name.rpartition("-")[0] == run.name and name != run.id:
            other = readable(store, name)
            if other is not None and _goes_on(store, fleet, other, run):
                raise UsageError(
                    f"{other.id} is still running, of another recipe with the name {run.name!r}, "
                    "and both would write to the same product. Wait for it by `scenefleet watch`, "
                    "end it by `scenefleet cancel`, or give this recipe another `name`."
                )


def _goes_on(store: Store, fleet: Fleet, other: Run, run: Run) -> bool:
    if other.backend == "local":
        return is_held(key(store, other.id))
    return run.backend == "azure" and other.state is RunState.RUNNING and is_active(fleet, other)
