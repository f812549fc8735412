"""Multi-instance tasks: coordination on all nodes at once, then the command on the first.

Processes that the coordination commands leave behind, such as the daemons of an MPI, are at work
until the task is over. What a subtask's command did is the subtask's result; it stays `running`
until the primary has ended.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

from batch_emulator.node.attempt import Attempt
from batch_emulator.node.environment import instance_environment
from batch_emulator.node.execute import execute
from batch_emulator.node.process import end_background
from batch_emulator.node.work import Outcome, Work
from batch_emulator.scheduling.orders import coordination, ignore, order
from batch_emulator.service import Service
from batch_emulator.state.node import Node
from batch_emulator.state.subtask import Subtask
from batch_emulator.state.task import Failure, Place, Task

_ENDED = Failure("TaskEnded", "Task Was Ended by User Request")


def allot(task: Task, nodes: tuple[Node, ...], now: datetime) -> None:
    """Note where the subtasks of a new try are to run."""
    task.subtasks = [
        Subtask(at, _place(task, node), "preparing", now) for at, node in enumerate(nodes) if at
    ]
    task.mark()


async def run_instances(service: Service, attempt: Attempt, spec: dict[str, Any]) -> Outcome:
    """Run one try of a multi-instance task."""
    task = attempt.task
    started = service.now()
    for subtask in task.subtasks or ():
        subtask.begin(started)
    task.mark()
    background: set[int] = set()
    works = _works(service, attempt, spec, background)
    failure: Failure | None = _ENDED
    try:
        outcome = await _coordinate(service, task, works, spec["multiInstanceSettings"])
        if outcome is None:
            outcome = await execute(_command(service, works[0], started), service.host)
        failure = None
        return outcome
    finally:
        end_background(background, service.host)
        for subtask in task.subtasks or ():
            subtask.end(service.now(), None if failure else 0, failure)
        task.mark()


def _place(task: Task, node: Node) -> Place:
    return Place(node.pool.id, node.id, task.job.tasks_on(node.root) / task.id)


def _works(
    service: Service, attempt: Attempt, spec: dict[str, Any], background: set[int]
) -> list[Work]:
    """The task's work on each of its nodes."""
    works: list[Work] = []
    for at, node in enumerate(attempt.nodes):
        folder = _place(attempt.task, node).folder
        note = ignore if at else attempt.task.note_container
        work = order(service, attempt.task.job, spec, node, folder, note=note)
        told = instance_environment(attempt.nodes, at, folder)
        works.append(replace(work, environment=work.environment | told, background=background))
    return works


def _command(service: Service, work: Work, started: datetime) -> Work:
    """What is left for the primary: files are there, and some of the time is gone."""
    spent = service.now() - started
    return replace(work, spent=spent, resource_files=[], appends=True, background=None)


async def _coordinate(
    service: Service, task: Task, works: list[Work], settings: dict[str, Any]
) -> Outcome | None:
    """Run the coordination command everywhere; returns how the first failed, if one did."""
    tries = {
        asyncio.create_task(
            execute(coordination(service, task.job, work, settings, primary=not at), service.host)
        ): at
        for at, work in enumerate(works)
    }
    waiting = set(tries)
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                outcome = one.result()
                if outcome.failure:
                    return _failed(service, task, tries[one], outcome)
        return None
    finally:
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def _failed(service: Service, task: Task, at: int, outcome: Outcome) -> Outcome:
    """What becomes of the task where an instance has failed: all of it fails."""
    failure = outcome.failure
    assert failure is not None
    for subtask in task.subtasks or ():
        own = subtask.id == at
        subtask.end(service.now(), outcome.exit_code if own else None, failure if own else _ENDED)
    if at == 0:
        return outcome
    details = (("SubtaskId", str(at)), *failure.details)
    told = Failure(failure.code, f"Subtask {at}: {failure.message}", details, failure.category)
    return replace(outcome, exit_code=None, failure=told)
