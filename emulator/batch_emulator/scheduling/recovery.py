"""What goes on after a restart: everything that was under way."""

from __future__ import annotations

from batch_emulator.scheduling.allocation import delete_pool, resize
from batch_emulator.scheduling.autoscaling import start_autoscale
from batch_emulator.scheduling.jobs import advance, end_if_all_done, start_timer
from batch_emulator.scheduling.nodes import leave, restart
from batch_emulator.scheduling.tasks import keep_files
from batch_emulator.service import Service
from batch_emulator.state.job import Job
from batch_emulator.state.pool import Pool

_AT_WORK = ("creating", "starting", "waitingforstarttask", "idle", "running")


def recover(service: Service) -> None:
    """Go on with what was loaded: nodes boot, as after the loss of their machine."""
    for pool in list(service.account.pools.values()):
        _recover_pool(service, pool)
    for job in list(service.account.jobs.values()):
        _recover_job(service, job)


def _recover_pool(service: Service, pool: Pool) -> None:
    if pool.state == "deleting":
        delete_pool(service, pool)
        return
    for node in list(pool.nodes.values()):
        if node.state == "leavingpool":
            leave(service, node, "requeue")
        elif node.state in _AT_WORK:
            restart(service, node)
    if pool.allocation != "steady":
        resize(service, pool, dedicated=pool.dedicated, spot=pool.spot)
    if pool.formula is not None:
        start_autoscale(service, pool)
    service.wake(pool.id)


def _recover_job(service: Service, job: Job) -> None:
    if job.state in ("active", "disabling", "disabled"):
        start_timer(service, job)
    for task in job.order:
        if task.state == "completed":
            keep_files(service, task)
    advance(service, job)
    end_if_all_done(service, job)
