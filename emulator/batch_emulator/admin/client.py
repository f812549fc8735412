"""A client of the admin interface, for tests in Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from batch_emulator.wire.iso8601 import format_duration, parse_time

if TYPE_CHECKING:
    import httpx


class AdminError(RuntimeError):
    """The emulator refused; the text says why."""


@dataclass(frozen=True, slots=True)
class Admin:
    """Orders of the emulator at an endpoint what no client of the service could."""

    endpoint: str
    account: str
    key: str = field(repr=False)
    verify: bool | str = True
    """As httpx has it: a file of certificates to trust, for an endpoint with TLS."""

    def now(self) -> datetime:
        """The emulator's time, in UTC."""
        return parse_time(self.ask("GET", "clock")["now"])

    def advance(self, span: timedelta) -> datetime:
        """Move the clock on, and return its time then: what fell due on the way has happened.

        Raises:
            AdminError: if the span is negative, or longer than ten years.
        """
        if span < timedelta(0):
            raise AdminError(f"the clock cannot go back by {-span}")
        return parse_time(self.ask("POST", "clock", {"advance": format_duration(span)})["now"])

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Send one order, to `/admin/` and a path.

        Raises:
            AdminError: if it is refused.
        """
        import httpx

        # Certificates take long to load, and plain http needs none.
        verify = self.verify if self.endpoint.startswith("https") else False
        with httpx.Client(trust_env=False, verify=verify, timeout=60) as client:
            response = client.request(
                method,
                f"{self.endpoint}/admin/{path}",
                auth=(self.account, self.key),
                json=body,
            )
        return _answer(response)


def _answer(response: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = response.json() if response.content else {}
    if response.is_success:
        return found
    reasons = "; ".join(f"{v['key']}: {v['value']}" for v in found.get("values", ()))
    raise AdminError(f"{found.get('code', response.status_code)}: {reasons}")
