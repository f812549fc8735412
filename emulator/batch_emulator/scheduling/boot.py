"""How a node comes up: its machine starts, then the pool's start task runs."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from batch_emulator.node.applications import deploy
from batch_emulator.node.container import prefetch
from batch_emulator.node.environment import start_task_environment
from batch_emulator.node.execute import execute
from batch_emulator.node.spread import make_top
from batch_emulator.node.work import Outcome, Work, WorkError
from batch_emulator.scheduling.orders import (
    APPLICATIONS,
    command_on,
    container_fault,
    container_for,
    resource_files,
)
from batch_emulator.service import Service
from batch_emulator.state.container import ContainerInfo
from batch_emulator.state.node import Node, NodeError
from batch_emulator.state.start_task import StartTaskRun

CREATION = 0.2
"""The part of a node's boot time that it is `creating`."""
START = 0.4
"""The part that it is `starting`."""


async def come_up(service: Service, node: Node) -> None:
    """Bring a node up whose machine has just been allocated."""
    node.imaged = service.now()
    node.mark()
    await service.clock.sleep(CREATION * service.options.boot_time)
    await boot(service, node)


async def boot(service: Service, node: Node) -> None:
    """Start a node's machine and the pool's start task on it."""
    node.errors = []
    node.enter("starting", service.now())
    make_top(node.root.parent)
    for name in ("shared", "startup/wd", "fsmounts", "workitems"):
        (node.root / name).mkdir(parents=True, exist_ok=True)
    await service.clock.sleep(START * service.options.boot_time)
    start_task = _begin(service, node)
    if not await _install(service, node):
        return
    if start_task and start_task.get("waitForSuccess", True):
        node.enter("waitingforstarttask", service.now())
        if not await _run_start_task(service, node, start_task):
            node.enter("starttaskfailed", service.now())
            service.wake(node.pool.id)
            return
    node.rest(service.now())
    service.wake(node.pool.id)
    if start_task and not start_task.get("waitForSuccess", True):
        await _run_start_task(service, node, start_task)


async def _install(service: Service, node: Node) -> bool:
    """Have the pool's container images and packages; a node that cannot have them is unusable."""
    references = node.pool.spec.get("applicationPackageReferences", ())
    try:
        machine = node.pool.spec.get("virtualMachineConfiguration", {})
        await prefetch(machine.get("containerConfiguration", {}), service.host)
        place = node.root / APPLICATIONS
        node.packages = await deploy(references, service.options.applications, place)
    except WorkError as error:
        node.errors = [NodeError(error.failure.code, error.failure.message)]
        node.enter("unusable", service.now())
        service.wake(node.pool.id)
        return False
    return True


def _begin(service: Service, node: Node) -> dict[str, Any] | None:
    """Note the boot, and the start task as it is now: changes of the pool wait for the next."""
    start_task = node.pool.spec.get("startTask")
    node.booted = service.now()
    node.start_spec = json.dumps(start_task) if start_task else None
    node.touch(service.now())
    return start_task


async def _run_start_task(service: Service, node: Node, spec: dict[str, Any]) -> bool:
    """Run the start task, as often as it may be tried."""
    folder = node.root / "startup"
    work = Work(
        command=command_on(node, spec["commandLine"]),
        folder=folder,
        environment=start_task_environment(service.options, service.endpoint, node, folder),
        resource_files=resource_files(service, spec.get("resourceFiles", ())),
        container=container_for(spec, node, partial(_note_container, node)),
        fault=container_fault(spec, node, optional=True),
    )
    run = node.start_task = _resumed(service, node.start_task)
    limit = spec.get("maxTaskRetryCount", 0)
    while True:
        node.mark()
        outcome = await execute(work, service.host)
        node.journal.note(service.now(), f"start task ended, exit code {outcome.exit_code}")
        if not outcome.retryable or (limit != -1 and run.retries >= limit):
            break
        run.retries += 1
        run.started = run.last_retry = service.now()
    _note(run, outcome, service)
    node.mark()
    return run.succeeded


def _note_container(node: Node, info: ContainerInfo) -> None:
    if node.start_task is not None:
        node.start_task.container = info
        node.mark()


def _resumed(service: Service, before: StartTaskRun | None) -> StartTaskRun:
    """A new run; one that a reboot broke off keeps its count of retries."""
    if before is None or before.ended is not None:
        return StartTaskRun(service.now())
    return StartTaskRun(service.now(), retries=before.retries, last_retry=before.last_retry)


def _note(run: StartTaskRun, outcome: Outcome, service: Service) -> None:
    run.exit_code, run.failure, run.ended = outcome.exit_code, outcome.failure, service.now()
