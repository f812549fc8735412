"""Two runs that write one product at once: they would take each other's outputs away."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from contextlib import contextmanager, nullcontext

from scenefleet.errors import UsageError
from scenefleet.fleet import claim, is_held, join_fleet
from scenefleet.run.life import is_active
from scenefleet.run.model import RunState
from scenefleet.run.record import key, readable
from scenefleet.settings import Settings
from scenefleet.store import Store


@contextmanager
def alone(
    store: Store, run_id: str, name: str, settings: Settings, *, local: bool
) -> Generator[None]:
    """Keeps a product to one run for the block.

    On this machine a lock does that, whichever of two begins first. Of runs on Azure the service is
    asked at the beginning: two that begin within the same second on two machines do not meet.

    Args:
        store: where runs write.
        run_id: the run that is to begin or to go on.
        name: its recipe's name, which is the product's.
        settings: to reach other runs by.
        local: whether the run is on this machine.

    Raises:
        UsageError: if another run of a recipe of that name goes on, naming it.
        StoreError: if the store cannot be written.
    """
    store.prepare()  # a container that is not there yet has no runs to list
    lock = f"{key(store, name)}.product"
    with claim(lock) if local else nullcontext(not is_held(lock)) as mine:
        rival = _rival(store, run_id, name, settings)
        if rival is not None or not mine:
            there = shlex.quote(store.address)
            ways = (
                f"Wait for it by `scenefleet watch {rival} --store {there}`, end it by "
                f"`scenefleet cancel {rival} --store {there}`"
                if rival is not None
                else "Wait for it"
            )
            raise UsageError(
                f"{rival or 'another run'} is still running, of another recipe with the name "
                f"{name!r}, and both would write to the same product. {ways}, or give this recipe "
                "another `name`."
            )
        yield


def _rival(store: Store, run_id: str, name: str, settings: Settings) -> str | None:
    for other in store.folders("runs"):
        # its id is the recipe's name, a hyphen and ten digits: no other record need be read
        if other.rpartition("-")[0] != name or other == run_id:
            continue
        if is_held(key(store, other)):
            return other
        run = readable(store, other)
        if run is not None and run.backend == "azure" and run.state is RunState.RUNNING:
            with join_fleet(run.backend, settings, key=key(store, run.id)) as fleet:
                if is_active(fleet, run):
                    return other
    return None
