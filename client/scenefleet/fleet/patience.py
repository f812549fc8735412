"""Calls that are made again while the service is busy, silent, or has no job to spare."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from scenefleet.errors import SilentFleetError
from scenefleet.fleet.connection import error_code, is_passing, retry_after

T = TypeVar("T")

_SHORT = 300.0
"""Seconds for which a service that is busy or silent is borne."""
_LONG = 86_400.0
"""Seconds for which a job quota is waited for: other runs have to end first."""
_QUOTA = "ActiveJobAndScheduleQuotaReached"
_TELL_SECONDS = 60.0
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to bear a service, and how to tell the user meanwhile."""

    notice: Callable[[str], None] = lambda _: None
    """Takes a sentence for the user, once a minute at most for one call."""
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    limit: float = _SHORT
    """Seconds for which a service that is busy or silent is borne; 0 to ask once."""
    unreachable: bool = True
    """Whether one that cannot be reached is borne too, and not only one that answers busy."""

    def bear(self, what: str, call: Callable[[], T]) -> T:
        """Returns what the call returns; makes it again while that may help.

        The call must be safe to repeat: its answer may have been lost when its work was done.

        Raises:
            AzureError: the last one, when patience has ended or asking again cannot help.
            SilentFleetError: the same, where the call tells of silence by it.
        """
        from azure.core.exceptions import AzureError

        began, said, wait = self.clock(), -math.inf, 1.0
        while True:
            try:
                return call()
            except (AzureError, SilentFleetError) as error:
                why, limit, asked = self._hope(error)
                gone = self.clock() - began
                if why is None or gone + wait > limit:
                    raise
                pause = max(wait, min(asked, limit - gone))  # any server may ask for days
            if gone - said >= _TELL_SECONDS:
                said = gone
                self.notice(f"{what}: {why}; trying again for {_span(limit - gone)}")
            self._rest(pause)
            wait = min(wait * 2, _LONGEST_PAUSE)

    def _rest(self, seconds: float) -> None:
        """Pauses in parts, so that a long wait that the service asks for can be interrupted."""
        while seconds > 0:
            self.pause(min(seconds, _LONGEST_PAUSE))
            seconds -= _LONGEST_PAUSE

    def _hope(self, error: BaseException) -> tuple[str | None, float, float]:
        """Why the call may succeed later, or None; for how many seconds to try; when at earliest.

        The last is in seconds from now, as the service asks.
        """
        if error_code(error) == _QUOTA:
            text = (
                f"the account has as many active jobs as its quota allows ({_QUOTA}): it goes on "
                "when another job ends; delete or end old jobs, or ask for a higher quota"
            )
            return text, _LONG if self.limit else 0.0, 0.0
        if isinstance(error, SilentFleetError):
            status, asked = error.status, error.retry_after
        elif is_passing(error):
            status, asked = getattr(error, "status_code", None), retry_after(error)
        else:
            return None, 0.0, 0.0
        if status is None and not self.unreachable:
            return None, 0.0, 0.0
        why = f"Azure Batch {f'answered {status}' if status else 'did not answer'}"
        return why, self.limit, asked or 0.0


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
