"""A task's life: it waits, runs, is tried again or not, and completes."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from batch_emulator.node.attempt import Attempt
from batch_emulator.node.work import Outcome
from batch_emulator.scheduling.exit_conditions import exit_options
from batch_emulator.scheduling.jobs import advance, disable_job, end_if_all_done, terminate_job
from batch_emulator.service import Service
from batch_emulator.state.job import Job
from batch_emulator.state.node import Node
from batch_emulator.state.task import Failure, Task, encode

_ENDED = Failure("TaskEnded", "Task Was Ended by User Request")
_ASKED = ("leavingpool", "rebooting", "reimaging", "deallocating")
KEPT = timedelta(days=365)
"""Files with a longer retention are kept while the emulator runs."""


def add_task(service: Service, job: Job, task_id: str, spec: dict[str, Any]) -> Task:
    """Add a task to a job."""
    task = Task(id=task_id, created=service.now(), ledger=job.ledger, job=job, body=encode(spec))
    job.add(task)
    service.wake(job.pool_id)
    return task


def await_preparation(service: Service, task: Task) -> None:
    """Note that a task waits for its node to be prepared for the job."""
    task.job.move(task, "preparing", service.now())


def begin(service: Service, task: Task) -> None:
    """Note that a task starts on its nodes."""
    now = service.now()
    task.job.move(task, "running", now)
    task.started = now
    if task.retry_due:
        task.retry_due, task.last_retry = False, now


def settle(service: Service, attempt: Attempt, outcome: Outcome | None) -> None:
    """Note that a try has ended: by itself with an outcome, or from outside."""
    task, job, now = attempt.task, attempt.task.job, service.now()
    for node in attempt.nodes:
        node.release(task, now)
    job.attempts.discard(attempt)
    task.attempt = None
    if attempt.ending == "delete":
        if not task.gone:
            job.remove(task)
    elif attempt.ending == "requeue":
        if job.state == "disabling" or any(map(_taken_away, attempt.nodes)):
            task.requeues += 1
            task.last_requeue = now
        _wait_again(service, task)
    elif attempt.ending == "terminate" or outcome is None:
        _complete(service, task, Outcome("run", failure=_ENDED))
    elif outcome.retryable and _may_retry(task):
        task.retries += 1
        task.retry_due = True
        _wait_again(service, task)
    else:
        _complete(service, task, outcome)
    advance(service, job)
    service.wake(attempt.node.pool.id)


def end_task(service: Service, task: Task) -> None:
    """Terminate a task, whether it waits or runs."""
    if task.attempt is not None:
        task.attempt.end("terminate")
    else:
        task.job.dequeue(task)
        _complete(service, task, Outcome("run", failure=_ENDED))


def delete_task(service: Service, task: Task) -> None:
    """Remove a task, its process and its files."""
    task.job.remove(task)
    if task.attempt is not None:
        task.attempt.end("delete")
    service.remove_folders(task.folders)
    end_if_all_done(service, task.job)


def reactivate(service: Service, task: Task) -> None:
    """Let a failed task run again, with its retries counted anew."""
    task.job.move(task, "active", service.now())
    task.exit_code = task.result = task.failure = task.ended = task.last_retry = None
    task.retries = 0
    task.touch(service.now())
    if not task.waits_for:
        task.job.enqueue(task)
    service.wake(task.job.pool_id)


def _taken_away(node: Node) -> bool:
    """Whether a user has asked for the node to be without tasks: such requeues are counted."""
    return node.state in _ASKED or node.scheduling == "disabled"


def _may_retry(task: Task) -> bool:
    return task.max_retries == -1 or task.retries < task.max_retries


def _wait_again(service: Service, task: Task) -> None:
    task.job.move(task, "active", service.now())
    task.job.enqueue(task)


def _complete(service: Service, task: Task, outcome: Outcome) -> None:
    now, job = service.now(), task.job
    task.exit_code, task.failure = outcome.exit_code, outcome.failure
    task.result = "failure" if outcome.failure else "success"
    task.ended = now
    job.move(task, "completed", now)
    task.touch(now)
    if task.result == "success" and task.place:
        node = service.find_node(task.place.pool_id, task.place.node_id)
        if node:
            node.total_succeeded += 1
    keep_files(service, task)
    _follow(service, task, outcome)


def _follow(service: Service, task: Task, outcome: Outcome) -> None:
    """Do what the task's exit conditions say about its job and its dependants."""
    job = task.job
    options = exit_options(task, outcome)
    if options.dependency == "satisfy":
        task.satisfies = True
        task.mark()
        for waiting in job.dependencies.satisfy(task.id):
            if waiting.state == "active":
                job.enqueue(waiting)
    if job.ends_with(task) and job.state in ("active", "disabling", "disabled"):
        terminate_job(service, job, "JMComplete")
    elif (
        outcome.failure is not _ENDED
        and job.state == "active"
        and job.spec.get("onTaskFailure") == "performexitoptionsjobaction"
    ):
        if options.job == "terminate":
            terminate_job(service, job, "TaskFailed")
        elif options.job == "disable":
            disable_job(service, job, "requeue")
    end_if_all_done(service, job)


def keep_files(service: Service, task: Task) -> None:
    """Let a completed task's files go when their time is over."""
    if task.place and task.ended and task.retention < KEPT:
        left = task.ended + task.retention - service.now()
        clean_up = partial(_clean_up, service, task, task.ended)
        service.clock.call_later(left.total_seconds(), clean_up)


def _clean_up(service: Service, task: Task, ended: object) -> None:
    # The same end: a task that was reactivated meanwhile keeps its files. Those of one that is gone
    # went with it, and its folder may be a new task's.
    if task.ended is ended and not task.gone and not task.job.gone:
        service.remove_folders(task.folders)
