"""Where a run's tasks go: an Azure Batch account, or the emulator on this machine."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from scenefleet.fleet import lease, local, nodes, progress, submit
from scenefleet.fleet.choice import PoolChoice, local_slots
from scenefleet.fleet.connection import Connection, azure_connection, connect, told
from scenefleet.fleet.existing_pool import machine_of, slots_per_node
from scenefleet.fleet.patience import Patience
from scenefleet.fleet.pool import check_image, ensure_pool, find_pool, look_at, use_pool
from scenefleet.fleet.pool_remarks import most_nodes, remarks
from scenefleet.fleet.secrecy import signing
from scenefleet.fleet.weighing import Weighed, weigh
from scenefleet.recipe import RecipeFile
from scenefleet.settings import Settings
from scenefleet.store import NodeAccess, NodeFile
from scenefleet_task import spec

if TYPE_CHECKING:
    from azure.batch import BatchClient

T = TypeVar("T")

CANCELLED = "cancelled by user"
"""The reason that a cancelled job gives for its end."""
_STOPPED = "stopped by scenefleet: "
"""Begins the reason of a job that scenefleet ended by a rule, so that any client can tell why."""
_LONGEST_REASON = 400
"""Characters of a reason that are kept; the service documents no limit, so this stays modest."""
_LONGEST_FILE = 4_000_000
"""Bytes of a task's file that are kept, from its end."""
_SUBMIT_SECONDS = 1800.0
"""How long adding tasks may take in all: 100,000 tasks take about a minute with 8 calls at once."""


class Fleet:
    """A Batch service and what a run asks of it. Close it with the block that opened it."""

    def __init__(
        self, client: BatchClient, *, here: bool, patience: Patience | None = None
    ) -> None:
        """Wraps an SDK client.

        Args:
            client: the SDK's client.
            here: whether its tasks run on this machine.
            patience: how each call bears a service that is busy or silent; by default for some
                minutes, and where the service is a process of this machine that is gone, not.
        """
        self._client = client
        self._here = here
        self._patience = patience or Patience(unreachable=not here)

    @property
    def impatient(self) -> Fleet:
        """The same fleet for those who ask again and again by themselves: each call asks once."""
        return Fleet(self._client, here=self._here, patience=replace(self._patience, limit=0.0))

    def close(self, job: str) -> None:
        """Lets the job end as soon as its tasks have: what a cut-off submission left undone."""
        submit.close_job(self._client, job, patience=self._patience)

    def ensure_pool(self, choice: PoolChoice) -> bool:
        """Makes the pool, or reuses it if it is equal; True if it was made.

        A pool that others made is only checked.
        """
        what, existing = f"preparing pool {choice.id}", choice.existing
        if existing is not None:
            self._bear(what, lambda: use_pool(self._client, choice.id, existing))
            return False
        return self._bear(
            what,
            lambda: ensure_pool(
                self._client,
                choice.body,
                needs_identity=choice.identity is not None,
                note=choice.note,
            ),
        )

    def read_pool(self, choice: PoolChoice) -> PoolChoice:
        """The choice with what the service says of a pool that others made; ours as it was.

        Raises:
            FleetError: if the pool is not there, or the tasks could not run on it.
        """
        existing = choice.existing
        if existing is None:
            return choice
        pool = self._bear(
            f"reading pool {choice.id}", lambda: use_pool(self._client, choice.id, existing)
        )
        seen = self._bear(f"reading pool {choice.id}", lambda: look_at(self._client, pool))
        said = [f"pool {choice.id}: {text}" for text in remarks(pool, existing, seen)]
        return replace(
            choice,
            slots=slots_per_node(pool),
            cores=machine_of(pool).cores,
            notes=(*choice.notes, *said),
            nodes=most_nodes(pool),
        )

    def pool_slots(self, pool: str) -> int | None:
        """Tasks at once on a node of the pool, or None where there is none of that id."""
        found = self._bear(f"reading pool {pool}", lambda: find_pool(self._client, pool))
        return None if found is None else slots_per_node(found)

    def weigh(self, choice: PoolChoice, account: Mapping[str, Any], *, max_nodes: int) -> Weighed:
        """Weighs the pool of a recipe against the quotas of the account.

        Args:
            choice: the pool.
            account: as Azure Resource Manager describes it.
            max_nodes: of the recipe.
        """
        return weigh(self._client, choice, account, max_nodes=max_nodes)

    def check_image(self, choice: PoolChoice) -> None:
        """Checks that the service supports the pool's operating system image, and will for a while.

        Raises:
            FleetError: if it does not, or no longer.
        """
        self._bear("listing supported images", lambda: check_image(self._client, choice.body))

    def submit(
        self,
        documents: Sequence[spec.TaskDocument],
        *,
        job: str,
        run: str,
        choice: PoolChoice,
        source: RecipeFile,
        files: Mapping[str, NodeFile],
        code_name: str,
        access: NodeAccess,
        notice: Callable[[str], None] | None = None,
    ) -> submit.Sent:
        """Makes the job, adds a task a document, and lets the job end when all of them have.

        Safe to repeat: a job or task that is there already is left as it is.

        Args:
            documents: the tasks.
            job: the job's id.
            run: the run's id.
            choice: the pool.
            source: for what a task may take.
            files: what tasks download to their working folders, by file name.
            code_name: which of them is the code.
            access: how tasks reach the store.
            notice: takes sentences for the user while the service makes the submission wait.

        Raises:
            FleetError: if the service refuses, or stays busy or silent.
        """
        compute = source.recipe.compute
        python = shlex.quote(sys.executable) if self._here else "python3"
        wanted = submit.JobSpec(
            job=job,
            pool=choice.id,
            run=run,
            command=f"{python} {code_name} run",
            files=files,
            access=access,
            resources=source.recipe.resources.environment,
            signing=signing(os.environ) if self._here else {},
            image=choice.image,
            retries=compute.retries,
            task_minutes=compute.task_minutes,
            hours=compute.max_hours,
        )
        patience = replace(self._patience, notice=notice) if notice else self._patience
        submit.create_job(self._client, wanted, patience=patience)
        deadline = time.monotonic() + _SUBMIT_SECONDS
        sent = submit.add_tasks(
            self._client, wanted, documents, deadline=deadline, patience=patience
        )
        submit.close_job(self._client, job, patience=patience)
        return sent

    def job(self, job: str) -> progress.JobStatus | None:
        """The job's state, or None where there is none of that id."""
        return self._bear(f"reading job {job}", lambda: progress.job_status(self._client, job))

    def counts(self, job: str) -> progress.Counts:
        """Tasks of the job by state."""
        return self._bear(f"counting tasks of {job}", lambda: progress.counts(self._client, job))

    def changed_tasks(self, job: str, since: datetime | None) -> list[progress.TaskRecord]:
        """Tasks of the job whose state changed since a moment; all of them for None."""
        return self._bear(
            f"listing tasks of {job}", lambda: progress.changed_tasks(self._client, job, since)
        )

    def pool_health(self, pool: str) -> nodes.PoolHealth:
        """Returns how many nodes the pool has in which state, and what is wrong with them."""
        return self._bear(f"reading pool {pool}", lambda: nodes.pool_health(self._client, pool))

    def cancel(self, job: str) -> None:
        """Ends the job and its running tasks; what they wrote stays."""
        self._terminate(job, CANCELLED)

    def stop(self, job: str, reason: str) -> None:
        """Ends the job as `cancel` does, with a reason that `stop_reason` finds again."""
        self._terminate(job, _STOPPED + reason[:_LONGEST_REASON])

    def _terminate(self, job: str, reason: str) -> None:
        from azure.core.exceptions import HttpResponseError

        # without options the SDK raises ValueError; it takes the service's own JSON for them
        options: Any = {"terminateReason": reason}
        with told(f"ending job {job}"):
            try:
                self._bear(
                    f"ending job {job}",
                    lambda: self._client.begin_terminate_job(job, options=options),
                )
            except HttpResponseError as error:
                if error.status_code not in (404, 409):  # gone, or ended already: what was wanted
                    raise

    def read_file(self, job: str, task: str, path: str) -> bytes | None:
        """A file of a task that is still on its node, as `stderr.txt`; None where it is not.

        Asks once: a node that is gone answers with an error too.
        """
        from azure.core.exceptions import HttpResponseError

        with told(f"reading {path} of task {task}"):
            try:
                return _tail(self._client.download_task_file(job, task, path))
            except HttpResponseError as error:
                if error.status_code in (404, 409):
                    return None
                raise

    def _bear(self, what: str, call: Callable[[], T]) -> T:
        return self._patience.bear(what, call)


def _tail(chunks: Iterator[bytes]) -> bytes:
    """Returns the end of a stream: a script may write without end."""
    kept = b""
    for chunk in chunks:
        kept = (kept + chunk)[-_LONGEST_FILE:]
    return kept


def stop_reason(status: progress.JobStatus | None) -> str | None:
    """Returns the reason given to `Fleet.stop`, or None where the job ended in another way."""
    reason = status.reason if status is not None else None
    return reason.removeprefix(_STOPPED) if reason and reason.startswith(_STOPPED) else None


def read_pool(
    choice: PoolChoice, settings: Settings, *, notice: Callable[[str], None] = lambda _: None
) -> PoolChoice:
    """The choice of a recipe as `Fleet.read_pool` has it, of the account in the settings.

    `notice` takes sentences for the user while the service is busy or silent.

    Raises:
        NotAuthorisedError: if the settings name no account.
        FleetError: if it does not answer, or tasks could not run on the pool.
    """
    if choice.existing is None:
        return choice
    with _closing(azure_connection(settings), here=False, notice=notice) as fleet:
        return fleet.read_pool(choice)


@contextmanager
def open_fleet(
    source: RecipeFile,
    settings: Settings,
    *,
    key: str,
    notice: Callable[[str], None] = lambda _: None,
) -> Generator[Fleet]:
    """The fleet of a run: the account of the settings, or an emulator that ends with the block.

    Args:
        source: the recipe.
        settings: for Azure.
        key: names the run and its store; on this machine it must be claimed (`claim`).
        notice: takes sentences for the user while the service is busy or silent.

    Raises:
        NotAuthorisedError: if the settings lack what a run on Azure needs.
        FleetError: if the emulator does not start.
    """
    if source.recipe.compute.backend == "azure":
        with _closing(azure_connection(settings), here=False, notice=notice) as fleet:
            yield fleet
        return
    with local.emulator(slots=local_slots(source).count) as connection:
        lease.announce(key, connection)
        with _closing(connection, here=True, notice=notice) as fleet:
            yield fleet


@contextmanager
def join_fleet(
    backend: str,
    settings: Settings,
    *,
    key: str,
    notice: Callable[[str], None] = lambda _: None,
) -> Generator[Fleet | None]:
    """The fleet that a run is on now; None for a local run whose emulator is gone.

    `notice` takes sentences for the user while the service is busy or silent.
    """
    connection = azure_connection(settings) if backend == "azure" else lease.find(key)
    if connection is None:
        yield None
        return
    with _closing(connection, here=backend == "local", notice=notice) as fleet:
        yield fleet


@contextmanager
def _closing(
    connection: Connection, *, here: bool, notice: Callable[[str], None]
) -> Generator[Fleet]:
    with connect(connection) as client:
        yield Fleet(client, here=here, patience=Patience(notice, unreachable=not here))
