"""Checks of what a job, or a schedule for its jobs, says of their pool and job manager."""

from __future__ import annotations

import re
from typing import Any

from batch_emulator.operations.checks import check_constraints, check_id, check_range, check_work
from batch_emulator.operations.identities import check_identity
from batch_emulator.operations.pool_checks import check_pool
from batch_emulator.operations.sources import check_sources
from batch_emulator.service import Service
from batch_emulator.state.defaults import complete_auto_pool
from batch_emulator.state.job import Job
from batch_emulator.wire.errors import invalid_property, missing_property
from batch_emulator.wire.secrets import public

_NAME = "autoPoolSpecification"
_AUTO = "poolInfo.autoPoolSpecification"
_PREFIX = re.compile(r"[A-Za-z0-9_-]{0,20}")


def check_pool_info(info: dict[str, Any], lifetimes: tuple[str, ...]) -> None:
    """Either a pool, which need not exist, or an auto pool of one of these lifetimes.

    Raises:
        BatchError: if it is neither or both, or the auto pool cannot be.
    """
    if "autoPoolSpecification" not in info:
        if not info.get("poolId"):
            raise missing_property("poolInfo.poolId")
        return
    if "poolId" in info:
        reason = "Either poolId or autoPoolSpecification is allowed, not both."
        raise invalid_property("poolInfo.poolId", info["poolId"], reason)
    wanted = info["autoPoolSpecification"]
    for name in ("poolLifetimeOption", "pool"):
        if name not in wanted:
            raise missing_property(f"{_AUTO}.{name}")
    if wanted["poolLifetimeOption"] not in lifetimes:
        reason = f"Allowed here: {', '.join(lifetimes)}."
        raise invalid_property(f"{_AUTO}.poolLifetimeOption", wanted["poolLifetimeOption"], reason)
    prefix = wanted.get("autoPoolIdPrefix", "")
    if not _PREFIX.fullmatch(prefix):
        reason = "Allowed: up to 20 letters, digits, hyphens and underscores."
        raise invalid_property(f"{_AUTO}.autoPoolIdPrefix", prefix, reason)
    if "cloudServiceConfiguration" not in wanted["pool"]:  # there the job fails, as at the service
        check_pool(wanted["pool"], auto=True)


def changed_pool_info(job: Job, given: dict[str, Any]) -> dict[str, Any]:
    """A job's `poolInfo` after a change to what is given.

    Of an auto pool only `keepAlive` can change, and only where its life is the job's.

    Raises:
        BatchError: if the job cannot change like this, or not now.
    """
    old = job.spec["poolInfo"]
    if "autoPoolSpecification" in given:
        given = {**given, "autoPoolSpecification": _changed_auto_pool(old, given)}
    else:
        check_pool_info(given, ())
    if given != old and job.state != "disabled":
        raise invalid_property("poolInfo", given, "The job has to be disabled first.")
    return given


def _changed_auto_pool(old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    before = old.get("autoPoolSpecification")
    if before is None or "poolId" in given:
        raise invalid_property(_AUTO, given, "A job cannot change to an auto pool.")
    after = {**before, **given["autoPoolSpecification"]}
    # What an answer said may be sent back: it has defaults, and no passwords.
    one, other = (public(complete_auto_pool({_NAME: pool}))[_NAME] for pool in (before, after))
    changed = {name for name in other if other[name] != one.get(name)}
    allowed = {"keepAlive"} if before["poolLifetimeOption"] == "job" else set[str]()
    if changed - allowed:
        reason = "Only keepAlive can change, where poolLifetimeOption is job."
        raise invalid_property(_AUTO, ", ".join(sorted(changed)), reason)
    return {**before, "keepAlive": other["keepAlive"]} if changed else before


def check_manager(service: Service, spec: dict[str, Any]) -> None:
    """A job's job manager, if it has one.

    Raises:
        BatchError: if it cannot be.
    """
    manager = spec.get("jobManagerTask")
    if manager is None:
        return
    path = "jobManagerTask."
    check_id(f"{path}id", manager["id"])
    check_work(manager, path)
    check_sources(service, manager, path)
    check_identity(manager, path)
    check_constraints(manager.get("constraints", {}), f"{path}constraints")
    # More than the pool has is no error either: as with any task, it just never runs.
    check_range(f"{path}requiredSlots", manager.get("requiredSlots", 1), 1, 2**31 - 1)
