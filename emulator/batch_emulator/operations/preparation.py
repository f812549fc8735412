"""Operations on job preparation and release tasks: what they may be, and how they went."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.operations.checks import (
    LONGEST,
    check_constraints,
    check_duration,
    check_id,
    check_work,
)
from batch_emulator.operations.identities import check_identity
from batch_emulator.operations.listing import PREPARATIONS, question
from batch_emulator.operations.sources import check_sources
from batch_emulator.scheduling.preparation import RELEASE_LIMIT
from batch_emulator.service import Service
from batch_emulator.wire.errors import BatchError, invalid_property, missing_property
from batch_emulator.wire.paging import reply_page
from batch_emulator.wire.reply import base_url

_PREPARATION, _RELEASE = "jobPreparationTask", "jobReleaseTask"


async def list_status(service: Service, request: Request) -> Response:
    """Tell how preparation and release went on each node, on those that are gone too."""
    job = service.account.job(request.path_params["jobId"])
    if _PREPARATION not in job.spec:
        raise BatchError("JobPreparationTaskNotSpecified")
    asked = question(request, PREPARATIONS, "BatchJobPreparationAndReleaseTaskStatus")
    base = base_url(request)
    visits = list(job.visits.values())
    return reply_page(request, visits, asked, lambda visit: visit.document(base))


def check_preparation(service: Service, spec: dict[str, Any]) -> None:
    """Check a new job's preparation and release tasks, if it has any.

    Raises:
        BatchError: if they cannot be.
    """
    if _RELEASE in spec and _PREPARATION not in spec:
        raise missing_property(_PREPARATION, f"{_RELEASE} needs it.")
    ids = [_manager_id(spec)]
    for kind, default in ((_PREPARATION, "jobpreparation"), (_RELEASE, "jobrelease")):
        task = spec.get(kind)
        if task is None:
            continue
        name = task.get("id", default)
        check_id(f"{kind}.id", name)
        if name.lower() in ids:
            raise invalid_property(f"{kind}.id", name, "Another task of the job has it.")
        ids.append(name.lower())
        check_work(task, f"{kind}.")
        check_sources(service, task, f"{kind}.")
        check_identity(task, f"{kind}.")
    check_constraints(
        spec.get(_PREPARATION, {}).get("constraints", {}), f"{_PREPARATION}.constraints"
    )
    _check_release(spec.get(_RELEASE, {}))


def _manager_id(spec: dict[str, Any]) -> str:
    return spec.get("jobManagerTask", {}).get("id", "").lower()


def _check_release(task: dict[str, Any]) -> None:
    limits = {"maxWallClockTime": RELEASE_LIMIT, "retentionTime": LONGEST}
    for name, longest in limits.items():
        if name in task:
            check_duration(f"{_RELEASE}.{name}", task[name], timedelta(0), longest)
