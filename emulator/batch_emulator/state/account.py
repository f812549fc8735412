"""The account: all pools, jobs and job schedules, found by id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from batch_emulator.state.job import Job
from batch_emulator.state.job_schedule import JobSchedule
from batch_emulator.state.node import Node
from batch_emulator.state.pool import Pool
from batch_emulator.state.quotas import Quotas
from batch_emulator.state.task import Task
from batch_emulator.state.usage import Usage
from batch_emulator.wire.errors import BatchError

_ENDED = ("completed", "deleting")


@dataclass(slots=True)
class Account:
    """What there is. Ids keep their case and are found in any."""

    pools: dict[str, Pool] = field(default_factory=dict[str, Pool])
    jobs: dict[str, Job] = field(default_factory=dict[str, Job])
    schedules: dict[str, JobSchedule] = field(default_factory=dict[str, JobSchedule])
    usages: list[Usage] = field(default_factory=list[Usage])
    """What pools used, in the order in which they were made; also those that are gone."""
    _open: list[Job] = field(default_factory=list[Job])
    """Jobs that had not ended when last counted."""
    _looked: int = 0
    """The sequence of the newest job then."""

    quotas: Quotas | None = None
    """Where they were set while the emulator runs."""

    def pool(self, pool_id: str) -> Pool:
        """A pool.

        Raises:
            BatchError: `PoolNotFound`.
        """
        found = self.pools.get(pool_id.lower())
        if found is None:
            raise BatchError("PoolNotFound")
        return found

    def node(self, pool_id: str, node_id: str) -> Node:
        """A pool's node.

        Raises:
            BatchError: `PoolNotFound` or `NodeNotFound`.
        """
        found = self.pool(pool_id).nodes.get(node_id.lower())
        if found is None:
            raise BatchError("NodeNotFound")
        return found

    def job(self, job_id: str) -> Job:
        """A job.

        Raises:
            BatchError: `JobNotFound`.
        """
        found = self.jobs.get(job_id.lower())
        if found is None:
            raise BatchError("JobNotFound")
        return found

    def schedule(self, schedule_id: str) -> JobSchedule:
        """A job schedule.

        Raises:
            BatchError: `JobScheduleNotFound`.
        """
        found = self.schedules.get(schedule_id.lower())
        if found is None:
            raise BatchError("JobScheduleNotFound")
        return found

    def task(self, job_id: str, task_id: str) -> Task:
        """A job's task.

        Raises:
            BatchError: `JobNotFound` or `TaskNotFound`.
        """
        found = self.job(job_id).tasks.get(task_id.lower())
        if found is None:
            raise BatchError("TaskNotFound")
        return found

    def jobs_of(self, pool_id: str) -> Iterator[Job]:
        """The jobs that run on a pool."""
        key = pool_id.lower()
        return (job for job in self.jobs.values() if job.pool_id.lower() == key)

    def active_count(self) -> int:
        """Jobs and job schedules that have not ended: the service has one quota for both."""
        # New jobs are at the end, and one that has ended stays so: no need to look at all again.
        for job in reversed(self.jobs.values()):
            if job.sequence <= self._looked:
                break
            self._open.append(job)
        self._looked = max((self._looked, *(job.sequence for job in self._open)))
        self._open = [job for job in self._open if job.state not in _ENDED]
        schedules = sum(schedule.state not in _ENDED for schedule in self.schedules.values())
        return len(self._open) + schedules

    def node_count(self) -> int:
        """Nodes of all pools."""
        return sum(len(pool.nodes) for pool in self.pools.values())
