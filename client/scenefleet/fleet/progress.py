"""How far a job has come, as the service tells it: its state, counts and changed tasks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from scenefleet.fleet.connection import told, word
from scenefleet.fleet.failure_words import describe_failure, tells_of_time_limit

if TYPE_CHECKING:
    from azure.batch import BatchClient

TaskStage = Literal["active", "preparing", "running", "completed"]

_OVERLAP = timedelta(seconds=5)
"""CatalogRequest for again each time, as the service's times are rounded and arrive late."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Tasks of a job by state; `running` includes those that are being prepared."""

    active: int
    running: int
    succeeded: int
    failed: int


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One task as the service has it."""

    id: str
    stage: TaskStage
    changed: datetime
    """When it entered this stage, UTC."""
    exit_code: int | None
    succeeded: bool | None
    """None while it is not completed."""
    retries: int
    failure: str | None
    """The service's own words for why it failed, where not by the task's exit code alone."""
    node: str | None
    cut_off: bool = False
    """Whether a cancel, the end of its job or the loss of its node ended it, before it could
    succeed or fail."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job's state and why it ended."""

    open: bool
    """Whether more tasks are to come: it does not end by itself yet."""
    state: str
    """`active`, `disabling`, `disabled`, `enabling`, `terminating`, `completed` or `deleting`."""
    reason: str | None
    created: datetime | None = None
    """When it was made, by the service's clock."""

    @property
    def ended(self) -> bool:
        """Whether no task of the job will run any more."""
        return self.state in ("completed", "deleting")


def job_status(client: BatchClient, job: str) -> JobStatus | None:
    """The job's state, or None where there is no such job."""
    from azure.core.exceptions import ResourceNotFoundError

    with told(f"reading job {job}"):
        try:
            found = client.get_job(job)
        except ResourceNotFoundError:
            return None
    reason = found.execution_info.termination_reason if found.execution_info else None
    mode = word(found.all_tasks_complete_mode)
    return JobStatus(mode == "noaction", word(found.state), reason, found.creation_time)


def counts(client: BatchClient, job: str) -> Counts:
    """Tasks of a job by state; one cheap call however many tasks there are."""
    with told(f"counting tasks of job {job}"):
        found = client.get_job_task_counts(job).task_counts
    return Counts(found.active, found.running, found.succeeded, found.failed)


def changed_tasks(client: BatchClient, job: str, since: datetime | None) -> list[TaskRecord]:
    """Tasks whose state changed at `since` or later (a little earlier, to miss none)."""
    condition = None
    if since is not None:
        moment = (since - _OVERLAP).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        condition = f"stateTransitionTime ge DateTime'{moment}'"
    select = ["id", "state", "stateTransitionTime", "executionInfo", "nodeInfo", "constraints"]
    with told(f"listing tasks of job {job}"):
        return [_record(t) for t in client.list_tasks(job, filter=condition, select=select)]


def _record(task: Any) -> TaskRecord:  # noqa: ANN401 - the SDK's model
    info = task.execution_info
    failure = info.failure_info if info else None
    result = word(info.result) if info and info.result else None
    words, cut_off = None, False
    if failure is not None and failure.code != "FailureExitCode":
        pairs: list[Any] = failure.details or []
        details = [(str(d.name), str(d.value)) for d in pairs]
        said = " ".join([str(failure.message), *(value for _, value in details)])
        out_of_time = failure.code == "TaskEnded" and _is_out_of_time(task, said)
        words = describe_failure(
            str(failure.code), str(failure.message), details, out_of_time=out_of_time
        )
        # the service's or the node's own fault, not the task's: a lost agent, a node's full disk;
        # the service says `servererror` of a task that its own limit ended, too
        ended = failure.code == "TaskEnded" or word(failure.category) == "servererror"
        cut_off = ended and not out_of_time
    return TaskRecord(
        id=task.id,
        stage=word(task.state),  # pyright: ignore[reportArgumentType] - the service's own words
        changed=task.state_transition_time,
        exit_code=info.exit_code if info else None,
        succeeded=None if result is None else result == "success",
        retries=info.retry_count or 0 if info else 0,
        failure=words,
        node=task.node_info.node_id if task.node_info else None,
        cut_off=cut_off,
    )


def _is_out_of_time(task: Any, said: str) -> bool:  # noqa: ANN401 - the SDK's model
    """Tells a task that its own time limit ended from one that was ended from outside.

    The service gives both the code `TaskEnded`, so its words tell them apart, or the time it took.
    """
    if tells_of_time_limit(said):
        return True
    info, limit = task.execution_info, getattr(task.constraints, "max_wall_clock_time", None)
    if limit is None or info.start_time is None or info.end_time is None:
        return False
    return info.end_time - info.start_time >= limit
