"""What goes on after a restart: everything that was under way."""

from __future__ import annotations

from batch_emulator.scheduling.allocation import delete_pool, resize
from batch_emulator.scheduling.auto_pools import watch
from batch_emulator.scheduling.autoscaling import start_autoscale
from batch_emulator.scheduling.jobs import advance, end_if_all_done, start_timer
from batch_emulator.scheduling.node_actions import resume
from batch_emulator.scheduling.node_faults import start_timer as start_return
from batch_emulator.scheduling.nodes import leave, restart
from batch_emulator.scheduling.preparation import keep_prepared
from batch_emulator.scheduling.schedules import advance_schedule, watch_jobs
from batch_emulator.scheduling.tasks import keep_files
from batch_emulator.service import Service
from batch_emulator.state.job import Job
from batch_emulator.state.node import Node
from batch_emulator.state.pool import Pool

_AT_WORK = ("creating", "starting", "waitingforstarttask", "idle", "running", "offline")
_IN_ACTION = ("rebooting", "reimaging", "upgradingos", "deallocating")


def recover(service: Service) -> None:
    """Go on with what was loaded: nodes boot, as after the loss of their machine."""
    service.remove_folders({service.trash})
    schedules = list(service.account.schedules.values())
    for schedule in schedules:
        watch_jobs(service, schedule)
    for pool in list(service.account.pools.values()):
        _recover_pool(service, pool)
    for job in list(service.account.jobs.values()):
        watch(service, job)
        _recover_job(service, job)
    for schedule in schedules:
        advance_schedule(service, schedule)


def _recover_pool(service: Service, pool: Pool) -> None:
    if pool.state == "deleting":
        delete_pool(service, pool)
        return
    for node in list(pool.nodes.values()):
        _recover_node(service, node)
    if pool.allocation == "stopping":
        pool.allocate("steady", service.now())
    elif pool.allocation == "resizing":
        resize(
            service,
            pool,
            dedicated=pool.dedicated,
            spot=pool.spot,
            deallocation=pool.deallocation,
            timeout=pool.resize_timeout,
        )
    if pool.formula is not None:
        start_autoscale(service, pool)
    service.wake(pool.id)


def _recover_node(service: Service, node: Node) -> None:
    """Nodes that broke, were preempted or deallocated stay so; the rest goes on."""
    if node.state == "leavingpool":
        leave(service, node, node.drain)
    elif node.state in _IN_ACTION:
        resume(service, node)
    elif node.state in _AT_WORK:
        restart(service, node)
    start_return(service, node)


def _recover_job(service: Service, job: Job) -> None:
    if job.state in ("active", "disabling", "disabled"):
        start_timer(service, job)
    for task in job.order:
        if task.state == "completed":
            keep_files(service, task)
    keep_prepared(service, job)
    advance(service, job)
    end_if_all_done(service, job)
