"""The account: all pools and jobs, found by id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from batch_emulator.state.job import Job
from batch_emulator.state.node import Node
from batch_emulator.state.pool import Pool
from batch_emulator.state.task import Task
from batch_emulator.wire.errors import BatchError


@dataclass(slots=True)
class Account:
    """What there is. Ids keep their case and are found in any."""

    pools: dict[str, Pool] = field(default_factory=dict[str, Pool])
    jobs: dict[str, Job] = field(default_factory=dict[str, Job])

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

    def node_count(self) -> int:
        """Nodes of all pools."""
        return sum(len(pool.nodes) for pool in self.pools.values())
