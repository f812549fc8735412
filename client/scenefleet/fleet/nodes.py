"""The nodes of a pool by state, with what the service says is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from scenefleet.fleet.connection import told, word
from scenefleet.fleet.remedies import NO_ERROR, describe_node_error, describe_resize_error

if TYPE_CHECKING:
    from azure.batch import BatchClient

_USABLE = frozenset({"idle", "running"})
_COMING = frozenset(
    {"creating", "starting", "waitingforstarttask", "rebooting", "reimaging", "upgradingos"}
)
_BROKEN = frozenset({"unusable", "starttaskfailed", "offline", "unknown", "scheduling disabled"})
"""Nodes that are paid for and take no task."""
_WORDS = {
    "starttaskfailed": "start task failed",
    "waitingforstarttask": "waiting for start task",
    "upgradingos": "upgrading OS",
    "leavingpool": "leaving pool",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolHealth:
    """The nodes of one pool, counted by state, and what keeps it from having more."""

    pool: str
    wanted: int
    """Nodes that the pool tries to have, Spot nodes included."""
    counts: Mapping[str, int]
    """Number of nodes by state, in the service's lower-case words; `scheduling disabled` stands
    for idle or running nodes that take no task."""
    errors: Mapping[str, int]
    """Number of nodes by error text, the most frequent first; no text holds a signature."""
    troubles: tuple[str, ...]
    """Why the pool has fewer nodes than it wants, each with a remedy where one is known."""
    broken_since: datetime | None = field(default=None, compare=False)
    """When the first of the broken nodes got into its state, by the service's clock."""
    now: datetime | None = field(default=None, compare=False)
    """The service's time when it was asked."""

    @property
    def usable(self) -> int:
        """Nodes that run tasks or wait for some."""
        return self._count(_USABLE)

    @property
    def coming(self) -> int:
        """Nodes that start, or start again."""
        return self._count(_COMING)

    @property
    def broken(self) -> int:
        """Nodes that are paid for and take no task."""
        return self._count(_BROKEN)

    @property
    def preempted(self) -> int:
        """Spot nodes that Azure took back; they cost nothing and may be replaced."""
        return self.counts.get("preempted", 0)

    @property
    def states(self) -> str:
        """The counts as words, such as `2 unusable, 1 starting`."""
        return ", ".join(f"{n} {_WORDS.get(state, state)}" for state, n in self.counts.items())

    @property
    def document(self) -> dict[str, Any]:
        """The same as JSON values, times in RFC 3339."""
        values = asdict(self)
        return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in values.items()}

    def _count(self, states: frozenset[str]) -> int:
        return sum(number for state, number in self.counts.items() if state in states)


def pool_health(client: BatchClient, pool: str) -> PoolHealth:
    """Returns the state of a pool and of its nodes; a pool that was deleted has a trouble.

    Raises:
        FleetError: if the service does not answer, or refuses.
    """
    from azure.core.exceptions import ResourceNotFoundError

    select = ["id", "state", "stateTransitionTime", "schedulingState", "errors", "startTaskInfo"]
    moment: list[datetime | None] = []

    def note(answer: Any) -> None:  # noqa: ANN401 - azure-core's response
        moment.append(_date(answer.http_response.headers.get("Date")))

    with told(f"reading pool {pool}"):
        try:
            found = client.get_pool(pool, raw_response_hook=note)
            nodes = list(client.list_nodes(pool, select=select))
        except ResourceNotFoundError:
            gone = f"the pool {pool} was deleted: cancel the run and run again"
            return PoolHealth(pool=pool, wanted=0, counts={}, errors={}, troubles=(gone,))
    wanted = (found.target_dedicated_nodes or 0) + (found.target_low_priority_nodes or 0)
    errors = Counter(text for node in nodes for text in _errors(node))
    return PoolHealth(
        pool=pool,
        wanted=wanted,
        counts=dict(sorted(Counter(_state(node) for node in nodes).items())),
        errors=dict(errors.most_common()),
        troubles=tuple(_troubles(found)),
        broken_since=min(map(_since, filter(_is_broken, nodes)), default=None),
        now=moment[-1] if moment else None,
    )


def _date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _state(node: Any) -> str:  # noqa: ANN401 - the SDK's model
    state = word(node.state)
    disabled = word(node.scheduling_state) == "disabled"
    return "scheduling disabled" if disabled and state in _USABLE else state


def _is_broken(node: Any) -> bool:  # noqa: ANN401 - as above
    """Whether the node's state, whose time the service tells, keeps it from working."""
    return word(node.state) in _BROKEN and node.state_transition_time is not None


def _since(node: Any) -> datetime:  # noqa: ANN401 - as above
    return node.state_transition_time


def _errors(node: Any) -> list[str]:  # noqa: ANN401 - the SDK's model
    """Returns the errors of a node as texts, each once."""
    errors: list[Any] = node.errors or []
    found = [
        describe_node_error(error.code, error.message, _pairs(error.error_details))
        for error in errors
    ]
    if word(node.state) == "unusable" and not errors:
        found.append(NO_ERROR)
    info = node.start_task_info
    if word(node.state) == "starttaskfailed" and info is not None:
        failure = info.failure_info
        ended = f"exit code {info.exit_code}" if info.exit_code is not None else ""
        said = (
            describe_node_error(failure.code, failure.message, _pairs(failure.details))
            if failure
            else ""
        )
        text = "; ".join(part for part in (ended, said) if part) or "no reason given"
        found.append(f"start task: {text} (its words: startup/stderr.txt on the node)")
    return list(dict.fromkeys(found))


def _pairs(details: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - as above
    values: list[Any] = details or []
    return [(str(detail.name), str(detail.value)) for detail in values]


def _troubles(pool: Any) -> list[str]:  # noqa: ANN401 - as above
    """Returns why the pool has fewer nodes than it wants.

    The service keeps the errors of a resize until the next one, so those of a pool that has all
    the nodes it wants are of the past: https://github.com/nextflow-io/nextflow/pull/7312.
    """
    short = (pool.current_dedicated_nodes or 0) < (pool.target_dedicated_nodes or 0) or (
        pool.current_low_priority_nodes or 0
    ) < (pool.target_low_priority_nodes or 0)
    errors: list[Any] = (pool.resize_errors or []) if short else []
    texts = [
        describe_resize_error(str(error.code), str(error.message), _pairs(error.error_values))
        for error in errors
    ]
    run = pool.auto_scale_run
    if run is not None and run.error is not None:
        error = run.error
        said = describe_resize_error(
            str(error.code), str(error.message), _pairs(error.error_values)
        )
        texts.append(f"autoscale {said}")
    return list(dict.fromkeys(texts))
