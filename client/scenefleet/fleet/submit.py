"""A job and its tasks, sent in chunks of 100 with a deadline of our own.

The SDK's `create_tasks` retries some errors for ever; this sends the same calls and gives up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from scenefleet.errors import FleetError
from scenefleet.fleet.connection import error_code, told, unsigned
from scenefleet.store import NodeAccess, NodeFile
from scenefleet_task import spec

if TYPE_CHECKING:
    from azure.batch import BatchClient

CHUNK = 100
"""Tasks a call: the service's limit."""
_CALLS = 8
"""Calls at once: with 100 ms a call, 8 send 4,400 tasks a second, and 32 only twice that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What is the same for every task of a job."""

    job: str
    pool: str
    run: str
    command: str
    """The command line that runs the code in a task's working folder."""
    files: Mapping[str, NodeFile]
    """What every task's working folder gets, by file name: the code, and a script."""
    access: NodeAccess
    image: str | None = None
    """Container image, if and only if the pool runs containers."""
    retries: int
    task_minutes: int
    hours: float
    """The job is ended after so many hours."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a submission came to."""

    new: int = 0
    there: int = 0
    """Tasks that the job had already: an earlier submission was cut off."""

    def __add__(self, other: Sent) -> Sent:
        return Sent(self.new + other.new, self.there + other.there)


def create_job(client: BatchClient, wanted: JobSpec) -> None:
    """Makes the job, or finds it made. It does not end before `close_job`.

    Raises:
        FleetError: if the service refuses.
    """
    from azure.batch import models
    from azure.core.exceptions import HttpResponseError

    settings = {**wanted.access.environment, spec.ENV_RUN: wanted.run}
    options = models.BatchJobCreateOptions(
        id=wanted.job,
        pool_info=models.BatchPoolInfo(pool_id=wanted.pool),
        common_environment_settings=[
            models.EnvironmentSetting(name=name, value=value) for name, value in settings.items()
        ],
        constraints=models.BatchJobConstraints(
            max_wall_clock_time=timedelta(hours=wanted.hours),
            max_task_retry_count=wanted.retries,
        ),
        all_tasks_complete_mode=models.BatchAllTasksCompleteMode.NO_ACTION,
        metadata=[models.BatchMetadataItem(name="scenefleet-run", value=wanted.run)],
    )
    with told(f"creating job {wanted.job}"):
        try:
            client.create_job(options)
        except HttpResponseError as error:
            if error_code(error) != "JobExists":
                raise


def close_job(client: BatchClient, job: str) -> None:
    """Lets the job end by itself as soon as all its tasks have."""
    from azure.batch import models

    with told(f"closing job {job}"):
        client.update_job(
            job,
            models.BatchJobUpdateOptions(
                all_tasks_complete_mode=models.BatchAllTasksCompleteMode.TERMINATE_JOB
            ),
        )


def add_tasks(
    client: BatchClient,
    wanted: JobSpec,
    documents: Iterable[spec.TaskDocument],
    *,
    deadline: float,
    clock: Callable[[], float] = time.monotonic,
) -> Sent:
    """Adds a task for each document; one that is there already counts as sent.

    Args:
        client: the SDK's client.
        wanted: what is the same for every task.
        documents: one a task, in the plan's order.
        deadline: when to give up, by `clock`.
        clock: seconds, rising.

    Raises:
        FleetError: if a task is refused, or the deadline has passed; tasks that were sent stay.
    """
    sent = Sent()
    with ThreadPoolExecutor(_CALLS, thread_name_prefix="submit") as pool:
        running: set[Future[Sent]] = set()
        for chunk in _chunks(documents):
            if len(running) >= _CALLS:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                sent = sum((future.result() for future in finished), sent)
            tasks = [_task(wanted, document) for document in chunk]
            running.add(pool.submit(_send, client, wanted.job, tasks, deadline, clock))
        return sum((future.result() for future in running), sent)


def _chunks(documents: Iterable[spec.TaskDocument]) -> Iterator[list[spec.TaskDocument]]:
    rest = iter(documents)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _task(wanted: JobSpec, document: spec.TaskDocument) -> Any:  # noqa: ANN401 - the SDK's model
    from azure.batch import models

    def identity(resource: str | None) -> Any:  # noqa: ANN401 - as above
        return models.BatchNodeIdentityReference(resource_id=resource) if resource else None

    container = models.BatchTaskContainerSettings(image_name=wanted.image) if wanted.image else None
    return models.BatchTaskCreateOptions(
        id=document.id,
        display_name=document.source.id[:1024],
        command_line=wanted.command,
        container_settings=container,
        resource_files=[
            models.ResourceFile(
                http_url=file.url, file_path=name, identity_reference=identity(file.identity)
            )
            for name, file in wanted.files.items()
        ],
        environment_settings=[
            models.EnvironmentSetting(name=name, value=value)
            for name, value in _environment(document).items()
        ],
        constraints=models.BatchTaskConstraints(
            max_wall_clock_time=timedelta(minutes=wanted.task_minutes),
            max_task_retry_count=wanted.retries,
            retention_time=timedelta(days=7),
        ),
    )


def _environment(document: spec.TaskDocument) -> dict[str, str]:
    """What a task gets beside what all tasks of its job do."""
    task = {spec.ENV_TASK: spec.encode(document)}
    return {**task, spec.ENV_SCRIPT: document.script.file_name} if document.script else task


def _send(
    client: BatchClient,
    job: str,
    tasks: Sequence[Any],
    deadline: float,
    clock: Callable[[], float],
) -> Sent:
    """One chunk: halved when it is too large, its throttled tasks sent again until the deadline."""
    from azure.batch import models
    from azure.core.exceptions import HttpResponseError

    sent, rest, pause = Sent(), list[Any](tasks), 0.5
    with told(f"adding tasks to job {job}"):
        while True:
            try:
                group = models.BatchTaskGroup(task_values=rest)
                answer = client.create_task_collection(job, group)
            except HttpResponseError as error:
                if error_code(error) != "RequestBodyTooLarge" or len(rest) == 1:
                    raise
                half = len(rest) // 2
                parts = (rest[:half], rest[half:])
                return sum((_send(client, job, part, deadline, clock) for part in parts), sent)
            verdicts = {r.task_id: _verdict(job, r) for r in answer.result_values or []}
            sent += sum((v for v in verdicts.values() if v is not None), Sent())
            rest = [task for task in rest if verdicts.get(task.id) is None]
            if not rest:
                return sent
            if clock() + pause > deadline:
                raise FleetError(
                    f"job {job}: Azure Batch kept asking to send {len(rest)} tasks later, until "
                    "the deadline. What was sent stays: give the same command again to send the "
                    "rest."
                )
            time.sleep(pause)
            pause = min(pause * 2, 30)


def _verdict(job: str, result: Any) -> Sent | None:  # noqa: ANN401 - the SDK's model
    """What became of one task; None if it is to be sent again."""
    status = str(getattr(result.status, "value", result.status)).lower()
    if status == "success":
        return Sent(new=1)
    code = result.error.code if result.error else None
    if code == "TaskExists":
        return Sent(there=1)
    if status == "servererror":
        return None
    text = getattr(getattr(result.error, "message", None), "value", "")
    reason = unsigned(f"{code} {text}")
    raise FleetError(f"job {job}: task {result.task_id} was refused: {reason}")
