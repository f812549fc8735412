"""Calls that are made again while the service is busy, silent, or has no job to spare."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from scenefleet.fleet.connection import error_code, is_passing

T = TypeVar("T")

_SHORT = 300.0
"""Seconds for which a service that is busy or silent is borne."""
_LONG = 86_400.0
"""Seconds for which a job quota is waited for: other runs have to end first."""
_QUOTA = "ActiveJobAndScheduleQuotaReached"
_TELL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to bear a service, and how to tell the user meanwhile."""

    notice: Callable[[str], None] = lambda _: None
    """Takes a sentence for the user, once a minute at most for one call."""
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    def bear(self, what: str, call: Callable[[], T]) -> T:
        """Returns what the call returns; makes it again while that may help.

        The call must be safe to repeat: its answer may have been lost when its work was done.

        Raises:
            AzureError: the last one, when patience has ended or asking again cannot help.
        """
        from azure.core.exceptions import AzureError

        began, said, wait = self.clock(), -_TELL_SECONDS, 1.0
        while True:
            try:
                return call()
            except AzureError as error:
                why, limit = _hope(error)
                gone = self.clock() - began
                if why is None or gone + wait > limit:
                    raise
            if gone - said >= _TELL_SECONDS:
                said = gone
                self.notice(f"{what}: {why}; trying again for {(limit - gone) / 60:.0f} min")
            self.pause(wait)
            wait = min(wait * 2, 30.0)


def _hope(error: BaseException) -> tuple[str | None, float]:
    """Why the call may succeed later, or None; and for how many seconds to try."""
    if error_code(error) == _QUOTA:
        text = (
            f"the account has as many active jobs as its quota allows ({_QUOTA}): it goes on when "
            "another job ends; delete or end old jobs, or ask for a higher quota"
        )
        return text, _LONG
    if not is_passing(error):
        return None, 0.0
    status = getattr(error, "status_code", None)
    return f"Azure Batch {f'answered {status}' if status else 'did not answer'}", _SHORT
