"""A job and its tasks, sent in chunks of 100 with a deadline of our own.

The SDK's `create_tasks` retries some errors for ever; this sends the same calls and gives up. Nor
does it hold all tasks at once: what all have in common is written out by the SDK's models once, and
each task adds its own few texts to it, on its way.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from scenefleet.errors import FleetError
from scenefleet.fleet.connection import error_code, told, unsigned
from scenefleet.fleet.patience import Patience
from scenefleet.plan import document_lines
from scenefleet.store import NodeAccess, NodeFile
from scenefleet_task import spec

if TYPE_CHECKING:
    from azure.batch import BatchClient

CHUNK = 100
"""Tasks a call: the service's limit."""
_CALLS = 8
"""Calls at once: with 100 ms a call, 8 send 4,400 tasks a second, and 32 only twice that."""
_BATCH_RETRIES = 0
"""Batch would try each failure again, also one that must come again: the supervisor chooses."""
_PATIENCE = Patience()
_ENDED = frozenset({"JobCompleted", "JobTerminating"})

Json = dict[str, Any]


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
    resources: Mapping[str, str] = field(default_factory=dict[str, str])
    """What a task may take, as the variables that tell it."""
    signing: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """What its supervisor signs the addresses of sources with, as variables."""
    image: str | None = None
    """Container image, if and only if the pool runs containers."""
    retries: int
    """Further attempts that a task's supervisor makes of a failure that may pass."""
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


def create_job(client: BatchClient, wanted: JobSpec, *, patience: Patience = _PATIENCE) -> None:
    """Makes the job, or finds it made. It does not end before `close_job`.

    Raises:
        FleetError: if the service refuses.
    """
    from azure.batch import models
    from azure.core.exceptions import HttpResponseError

    settings = {
        **wanted.access.environment,
        **wanted.resources,
        **wanted.signing,
        spec.ENV_RUN: wanted.run,
        spec.ENV_RETRIES: str(wanted.retries),
    }
    options = models.BatchJobCreateOptions(
        id=wanted.job,
        pool_info=models.BatchPoolInfo(pool_id=wanted.pool),
        common_environment_settings=[
            models.EnvironmentSetting(name=name, value=value) for name, value in settings.items()
        ],
        constraints=models.BatchJobConstraints(
            max_wall_clock_time=timedelta(hours=wanted.hours),
            max_task_retry_count=_BATCH_RETRIES,
        ),
        all_tasks_complete_mode=models.BatchAllTasksCompleteMode.NO_ACTION,
        metadata=[models.BatchMetadataItem(name="scenefleet-run", value=wanted.run)],
    )
    with told(f"creating job {wanted.job}"):
        try:
            patience.bear(f"creating job {wanted.job}", lambda: client.create_job(options))
        except HttpResponseError as error:
            if error_code(error) != "JobExists":
                raise


def close_job(client: BatchClient, job: str, *, patience: Patience = _PATIENCE) -> None:
    """Lets the job end by itself as soon as all its tasks have."""
    from azure.batch import models
    from azure.core.exceptions import HttpResponseError

    change = models.BatchJobUpdateOptions(
        all_tasks_complete_mode=models.BatchAllTasksCompleteMode.TERMINATE_JOB
    )
    with told(f"closing job {job}"):
        try:
            patience.bear(f"closing job {job}", lambda: client.update_job(job, change))
        except HttpResponseError as error:
            if error_code(error) not in _ENDED:  # closed by a call whose answer was lost
                raise


def add_tasks(
    client: BatchClient,
    wanted: JobSpec,
    documents: Iterable[spec.TaskDocument],
    *,
    deadline: float,
    clock: Callable[[], float] = time.monotonic,
    patience: Patience = _PATIENCE,
) -> Sent:
    """Adds a task for each document; one that is there already counts as sent.

    Args:
        client: the SDK's client.
        wanted: what is the same for every task.
        documents: one a task, in the plan's order; gone through once, and not kept.
        deadline: when to give up, by `clock`.
        clock: seconds, rising.
        patience: how to bear a service that is busy or silent.

    Raises:
        FleetError: if a task is refused, or the deadline has passed; tasks that were sent stay.
    """
    sent = Sent()
    with ThreadPoolExecutor(_CALLS, thread_name_prefix="submit") as pool:
        running: set[Future[Sent]] = set()
        for tasks in _chunks(_tasks(wanted, documents)):
            if len(running) >= _CALLS:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                sent = sum((future.result() for future in finished), sent)
            running.add(pool.submit(_send, client, wanted.job, tasks, deadline, clock, patience))
        return sum((future.result() for future in running), sent)


def _chunks(tasks: Iterable[Json]) -> Iterator[list[Json]]:
    rest = iter(tasks)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _tasks(wanted: JobSpec, documents: Iterable[spec.TaskDocument]) -> Iterator[Json]:
    """Each task as the wire has it."""
    common = _common(wanted)
    for line in document_lines(documents):
        document = cast("Json", json.loads(line))
        settings = {spec.ENV_TASK: spec.encode_line(line)}
        if script := document["script"]:
            settings[spec.ENV_SCRIPT] = spec.Script(**script).file_name
        yield {
            **common,
            "id": document["id"],
            "displayName": document["source"]["id"][:1024],
            "environmentSettings": [{"name": n, "value": value} for n, value in settings.items()],
        }


def _common(wanted: JobSpec) -> Json:
    """What all tasks of the job have in common, as the SDK writes it."""
    from azure.batch import models

    def identity(resource: str | None) -> Any:  # noqa: ANN401 - the SDK's model
        return models.BatchNodeIdentityReference(resource_id=resource) if resource else None

    container = (
        models.BatchTaskContainerSettings(
            image_name=wanted.image,
            # the service promises nowhere that it removes a container that has ended
            container_run_options="--rm",
        )
        if wanted.image
        else None
    )
    options: Any = models.BatchTaskCreateOptions(
        id="",
        command_line=wanted.command,
        container_settings=container,
        resource_files=[
            models.ResourceFile(
                http_url=file.url, file_path=name, identity_reference=identity(file.identity)
            )
            for name, file in wanted.files.items()
        ],
        constraints=models.BatchTaskConstraints(
            max_wall_clock_time=timedelta(minutes=wanted.task_minutes),
            max_task_retry_count=_BATCH_RETRIES,
            retention_time=timedelta(days=7),
        ),
    )
    return options.as_dict(exclude_readonly=True)


def _send(
    client: BatchClient,
    job: str,
    tasks: Sequence[Json],
    deadline: float,
    clock: Callable[[], float],
    patience: Patience,
) -> Sent:
    """One chunk: halved when it is too large, its throttled tasks sent again until the deadline."""
    from azure.core.exceptions import HttpResponseError

    sent, rest, pause = Sent(), list(tasks), 0.5
    with told(f"adding tasks to job {job}"):
        while True:
            try:
                body = cast("Any", {"value": rest})
                answer = patience.bear(
                    f"adding tasks to job {job}",
                    partial(client.create_task_collection, job, body),
                )
            except HttpResponseError as error:
                if error_code(error) != "RequestBodyTooLarge" or len(rest) == 1:
                    raise
                half = len(rest) // 2
                parts = (rest[:half], rest[half:])
                return sum(
                    (_send(client, job, part, deadline, clock, patience) for part in parts), sent
                )
            results = cast("list[Json]", cast("Any", answer).get("value") or [])
            verdicts = {str(one.get("taskId")): _verdict(job, one) for one in results}
            sent += sum((v for v in verdicts.values() if v is not None), Sent())
            rest = [task for task in rest if verdicts.get(task["id"]) is None]
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


def _verdict(job: str, result: Json) -> Sent | None:
    """What became of one task, by the service's own words; None if it is to be sent again."""
    status = str(result.get("status")).lower()
    if status == "success":
        return Sent(new=1)
    error = cast("Json", result.get("error") or {})
    if error.get("code") == "TaskExists":
        return Sent(there=1)
    if status == "servererror":
        return None
    text = cast("Json", error.get("message") or {}).get("value", "")
    reason = unsigned(f"{error.get('code')} {text}")
    raise FleetError(f"job {job}: task {result.get('taskId')} was refused: {reason}")
