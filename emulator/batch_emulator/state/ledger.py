"""Who is told that a resource has changed, so that it can be saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from batch_emulator.state.resource import Resource


class SaveError(RuntimeError):
    """Changes cannot be saved; the text says why. They are saved once they can be."""


class Ledger(Protocol):
    """Takes note of changes."""

    def add(self, resource: Resource) -> None:
        """A resource is new, has changed or is gone."""
        ...

    def add_time(self) -> None:
        """The clock was moved: after a restart it goes on from there."""
        ...

    def save(self) -> None:
        """Make all changes so far outlast the emulator: an answer that tells of one goes after.

        Raises:
            SaveError: if that cannot be done.
        """
        ...

    def close(self) -> None:
        """Save, and let go of what is held."""
        ...


class Forgetful:
    """The ledger of an emulator whose state ends with it."""

    def add(self, resource: Resource) -> None:
        """Forget."""

    def add_time(self) -> None:
        """Forget."""

    def save(self) -> None:
        """There is nothing to save."""

    def close(self) -> None:
        """There is nothing to let go of."""


_: type[Ledger] = Forgetful
