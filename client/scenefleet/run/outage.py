"""A service that does not answer: how long a client that watches bears it, and what it says."""

from __future__ import annotations

from dataclasses import dataclass

from scenefleet.errors import SilentFleetError

_PATIENCE = 20 * 60.0
"""Seconds without an answer that are borne: what was submitted needs no client."""
_TELL_SECONDS = 60.0


@dataclass(slots=True)
class Outage:
    """How long there has been no answer, in seconds of one rising clock."""

    command: str
    """What comes back to the run."""
    since: float | None = None
    said: float | None = None

    def note(self, error: SilentFleetError, now: float) -> list[str]:
        """Takes in that there was no answer; returns what to tell the user, once a minute.

        Raises:
            SilentFleetError: if patience has ended.
        """
        if self.since is None:
            self.since = now
        gone = now - self.since
        back = f"come back by `{self.command}`"
        if gone > _PATIENCE:
            raise SilentFleetError(
                f"{error} There was no answer for {gone / 60:.0f} minutes. Tasks that were "
                f"submitted go on without this client; {back}."
            ) from None
        if self.said is not None and now - self.said < _TELL_SECONDS:
            return []
        self.said = now
        text = (
            f"no answer for {gone / 60:.0f} min: {error} Tasks that were submitted go on; trying "
            f"again until {_PATIENCE / 60:.0f} min have passed, or leave by Ctrl-C and {back}"
        )
        return [text]

    def end(self) -> bool:
        """Notes an answer; returns whether an outage that was told of has ended by it."""
        ended = self.said is not None
        self.since = self.said = None
        return ended
