"""A client of the admin interface, for tests in Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, cast

from batch_emulator.wire.iso8601 import format_duration, parse_time

if TYPE_CHECKING:
    import ssl

    import httpx


NodeFault = Literal["preempted", "unusable", "unknown", "offline", "upgradingos"]


class Match(TypedDict, total=False):
    """Which requests a fault is for, and how often it happens."""

    method: str
    path: str
    """A pattern in which `*` stands for anything: `/jobs/*/addtaskcollection`."""
    skip: int
    """How many to let pass first."""
    times: int | None
    """1 unless told; None is without end."""
    probability: float
    seed: int
    """The same seed and the same requests give the same faults."""


class Quotas(TypedDict, total=False):
    """Quotas of the account, in place of those the emulator was started with; None undoes one."""

    dedicated_nodes: int | None
    low_priority_nodes: int | None
    active_jobs: int | None
    dedicated_cores: int | None
    low_priority_cores: int | None
    cores_by_family: dict[str, int] | None
    """Dedicated cores, such as `{"standardDDSv5Family": 16}`; others get none."""


_QUOTAS = {
    "dedicated_nodes": "dedicatedNodes",
    "low_priority_nodes": "lowPriorityNodes",
    "active_jobs": "activeJobs",
    "dedicated_cores": "dedicatedCores",
    "low_priority_cores": "lowPriorityCores",
    "cores_by_family": "coresByFamily",
}


class AdminError(RuntimeError):
    """The emulator refused; the text says why."""


@dataclass(frozen=True, slots=True)
class Admin:
    """Orders of the emulator at an endpoint what no client of the service could."""

    endpoint: str
    account: str
    key: str = field(repr=False)
    verify: bool | str = True
    """A file of certificates to trust, for an endpoint with TLS; or those of the system."""

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

    def strike(
        self,
        pool: str,
        fault: NodeFault,
        nodes: Sequence[str] | None = None,
        *,
        count: int | None = None,
        seed: int = 0,
        back_after: timedelta | None = None,
        error: tuple[str, str] | None = None,
    ) -> list[str]:
        """Let a fault befall nodes of a pool, and return their ids.

        Args:
            pool: the pool's id.
            fault: the state that the nodes get into.
            nodes: their ids; without them `count` are chosen of those that it can befall.
            count: how many.
            seed: the same one chooses the same nodes, by their order, of a pool in the same state.
            back_after: when they come back by themselves; else `bring_back` does that.
            error: code and message of what is wrong with unusable nodes.

        Raises:
            AdminError: if the fault cannot befall a node in its state, or so many.
        """
        body: dict[str, Any] = {"fault": fault}
        body |= {"count": count, "seed": seed} if nodes is None else {"nodes": list(nodes)}
        if back_after is not None:
            body["backAfter"] = format_duration(back_after)
        if error is not None:
            body["error"] = {"code": error[0], "message": error[1]}
        return self.ask("POST", f"pools/{pool}/nodefaults", body)["nodes"]

    def bring_back(self, pool: str, nodes: Sequence[str] | None = None) -> list[str]:
        """Bring nodes back that a fault has befallen, all of a pool's if none are named."""
        body = {} if nodes is None else {"nodes": list(nodes)}
        return self.ask("POST", f"pools/{pool}/nodereturns", body)["nodes"]

    def fail_allocations(
        self,
        pool: str,
        code: str = "AllocationFailed",
        message: str = "Desired number of nodes could not be allocated",
        times: int = 1,
    ) -> None:
        """Let a pool's next resizes that need more nodes end with a resize error instead."""
        body = {"code": code, "message": message, "times": times}
        self.ask("POST", f"pools/{pool}/allocationfaults", body)

    def set_quotas(self, **quotas: Unpack[Quotas]) -> Quotas:
        """Set quotas of the account; those that are not named stay. Returns all."""
        given = cast("dict[str, object]", quotas)
        body = {_QUOTAS[name]: value for name, value in given.items()}
        found = self.ask("PATCH", "quotas", body)
        return cast("Quotas", {name: found[json] for name, json in _QUOTAS.items()})

    def fail_requests(
        self,
        status: int = 503,
        code: str | None = None,
        *,
        retry_after: float | None = None,
        when: Literal["before", "after"] = "before",
        **match: Unpack[Match],
    ) -> str:
        """Answer the next request, or several, with an error; returns the order's number.

        Args:
            status: the HTTP status, from 400 to 599.
            code: the service's error code; the usual one of the status without.
            retry_after: seconds that the client is to wait.
            when: `after` does the operation, and tells of an error nevertheless.
            **match: which requests, and how often.
        """
        order = {"status": status, "code": code, "retryAfter": retry_after, "when": when}
        return self._order("error", order, match)

    def drop_requests(
        self, when: Literal["before", "body", "after"] = "before", **match: Unpack[Match]
    ) -> str:
        """Close the connection: before the operation, in mid-answer, or instead of an answer."""
        return self._order("drop", {"when": when}, match)

    def delay_requests(
        self,
        seconds: float,
        when: Literal["before", "after"] = "before",
        **match: Unpack[Match],
    ) -> str:
        """Keep clients waiting for seconds of the clock, before the operation or after it."""
        return self._order("delay", {"seconds": seconds, "when": when}, match)

    def fail_tasks(
        self,
        task: str = "*",
        code: str | None = None,
        *,
        when: Literal["before", "after"] = "before",
        **match: Unpack[Match],
    ) -> str:
        """Have single tasks fail with `servererror` where several are added in one request.

        Args:
            task: a pattern of ids.
            code: the service's error code; `InternalError` without.
            when: `after` adds the task, and tells of an error nevertheless.
            **match: which requests; `skip`, `times` and `probability` are of tasks here.
        """
        return self._order("task", {"task": task, "code": code, "when": when}, match)

    def faults(self) -> list[dict[str, Any]]:
        """What was ordered of requests, with how many each has `met` and `struck`."""
        return self.ask("GET", "faults")["value"]

    def clear_faults(self, number: str | None = None) -> None:
        """Take back one order, or all."""
        self.ask("DELETE", "faults" if number is None else f"faults/{number}")

    def requests(self) -> list[dict[str, Any]]:
        """The last 200 requests, the newest first."""
        return self.ask("GET", "requests")["value"]

    def _order(self, kind: str, order: dict[str, Any], match: Match) -> str:
        return self.ask("POST", "faults", {"kind": kind, **order, **match})["id"]

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Send one order, to `/admin/` and a path.

        Raises:
            AdminError: if it is refused.
        """
        import httpx

        # Certificates take long to load, and plain http needs none.
        verify = _trusted(self.verify) if self.endpoint.startswith("https") else False
        with httpx.Client(trust_env=False, verify=verify, timeout=60) as client:
            response = client.request(
                method,
                f"{self.endpoint}/admin/{path}",
                auth=(self.account, self.key),
                json=body,
            )
        return _answer(response)


def _trusted(verify: bool | str) -> bool | ssl.SSLContext:
    import ssl

    return ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify


def _answer(response: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = response.json() if response.content else {}
    if response.is_success:
        return found
    reasons = "; ".join(f"{v['key']}: {v['value']}" for v in found.get("values", ()))
    if not reasons:  # the service's own sentence, above the lines with the request's id and time
        reasons = str(found.get("message", {}).get("value", "")).partition("\n")[0]
    raise AdminError(f"{found.get('code', response.status_code)}: {reasons}")
