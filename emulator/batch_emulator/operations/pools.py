"""Operations on pools."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.autoscale.evaluate import check_targets
from batch_emulator.autoscale.syntax import FormulaError, parse
from batch_emulator.operations.checks import (
    LONGEST,
    check_duration,
    check_id,
    check_range,
    check_work,
)
from batch_emulator.operations.identities import check_accounts, is_windows
from batch_emulator.operations.listing import POOLS, question, selection
from batch_emulator.operations.networks import check_networks
from batch_emulator.operations.older import check_older_pool
from batch_emulator.operations.sources import check_sources
from batch_emulator.scheduling.allocation import delete_pool as begin_deletion
from batch_emulator.scheduling.allocation import resize, stop_resize
from batch_emulator.scheduling.autoscaling import start_autoscale, stop_autoscale, try_formula
from batch_emulator.scheduling.packages import check_pool_packages
from batch_emulator.scheduling.pools import make_pool
from batch_emulator.service import Service
from batch_emulator.state.pool import Pool
from batch_emulator.state.sizes import cores_of
from batch_emulator.wire.body import read_body
from batch_emulator.wire.errors import BatchError, invalid_property, missing_property
from batch_emulator.wire.paging import choose, reply_page
from batch_emulator.wire.reply import base_url, check_conditions, own_url, reply, reply_one
from batch_emulator.wire.versions import pool_as_told

_TARGETS = ("targetDedicatedNodes", "targetLowPriorityNodes")
_INTERVAL = (timedelta(minutes=5), timedelta(hours=168))
RESIZE_TIMEOUT = (timedelta(minutes=5), LONGEST)
"""The service's shortest; its models name no longest."""
_FIXED = (
    "displayName",
    "enableInterNodeCommunication",
    "mountConfiguration",
    "networkConfiguration",
    "taskSchedulingPolicy",
    "taskSlotsPerNode",
    "upgradePolicy",
    "userAccounts",
    "virtualMachineConfiguration",
    "vmSize",
)
"""What an update may change only while the pool has no nodes."""
_MOST = 2**31 - 1
_IMAGE_IDS = ("virtualMachineImageId", "sharedGalleryImageId", "communityGalleryImageId")
_IMAGE = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute"
    r"/galleries/[^/]+/images/[^/]+(?:/versions/[^/]+)?",
    re.IGNORECASE,
)
"""The forms in the models of azure-batch; managed images are refused, as recorded."""


async def create_pool(service: Service, request: Request) -> Response:
    """Create a pool, and begin to fill it."""
    body = await read_body(request, "BatchPoolCreateOptions")
    pool_id = body.pop("id")
    check_id("id", pool_id)
    check_pool(body)
    check_sources(service, body.get("startTask", {}), "startTask.")
    if pool_id.lower() in service.account.pools:
        raise BatchError("PoolExists")
    pool = make_pool(service, pool_id, body)
    return reply(201, resource=pool, url=f"{own_url(request)}/{pool_id}")


async def list_pools(service: Service, request: Request) -> Response:
    """List pools."""
    asked = question(request, POOLS, "BatchPool")
    base = base_url(request)
    pools = list(service.account.pools.values())
    return reply_page(request, pools, asked, lambda p: pool_as_told(request, p.document(base)))


async def get_pool(service: Service, request: Request) -> Response:
    """Get a pool; for HEAD, only whether it is there."""
    pool = service.account.pool(request.path_params["poolId"])
    check_conditions(request, pool)
    document = pool_as_told(request, pool.document(base_url(request)))
    chosen = choose(document, selection(request, "BatchPool"))
    return reply_one(request, "pools", chosen, resource=pool)


async def delete_pool(service: Service, request: Request) -> Response:
    """Delete a pool; its running tasks go back to their queues."""
    pool = _changeable(service, request)
    begin_deletion(service, pool)
    return reply(202)


async def update_pool(service: Service, request: Request) -> Response:
    """Change what is given; the rest stays."""
    pool = _changeable(service, request)
    body = await read_body(request, "BatchPoolUpdateOptions")
    fixed = [name for name in _FIXED if name in body]
    if fixed and pool.nodes:
        raise BatchError(
            "OperationNotValidOnPool",
            Reason=f"{', '.join(fixed)} can be changed only while the pool has no nodes.",
        )
    check_older_pool(body)
    _check_change(service, {**pool.spec, **body})
    pool.spec = {**pool.spec, **body}
    pool.touch(service.now())
    return reply(200, resource=pool, url=own_url(request))


async def replace_pool_properties(service: Service, request: Request) -> Response:
    """Replace start task, packages and metadata: what is not given is removed."""
    pool = _changeable(service, request)
    body = await read_body(request, "BatchPoolReplaceOptions")
    check_older_pool(body)
    _check_change(service, {**pool.spec, **body})
    kept = {k: v for k, v in pool.spec.items() if k not in ("startTask", "metadata")}
    pool.spec = {**kept, **body}
    pool.touch(service.now())
    return reply(204, resource=pool, url=own_url(request))


async def resize_pool(service: Service, request: Request) -> Response:
    """Want another number of nodes."""
    pool = _changeable(service, request)
    body = await read_body(request, "BatchPoolResizeOptions")
    if pool.formula is not None:
        raise BatchError("OperationNotValidOnPool", Reason="The pool has autoscale enabled.")
    if pool.allocation != "steady":
        raise BatchError("PoolBeingResized")
    _check_targets(body)
    resize(
        service,
        pool,
        dedicated=body.get(_TARGETS[0], pool.dedicated),
        spot=body.get(_TARGETS[1], pool.spot),
        deallocation=body.get("nodeDeallocationOption", "requeue"),
        timeout=_timeout(body.get("resizeTimeout")),
    )
    return reply(202, resource=pool, url=own_url(request))


async def stop_pool_resize(service: Service, request: Request) -> Response:
    """Stop a resize; where none is under way, nothing changes."""
    pool = _changeable(service, request)
    if pool.allocation == "resizing":
        stop_resize(service, pool)
    return reply(202, resource=pool, url=own_url(request))


async def enable_autoscale(service: Service, request: Request) -> Response:
    """Let a formula decide the pool's size, or change formula or interval."""
    pool = _changeable(service, request)
    body = await read_body(request, "BatchPoolEnableAutoScaleOptions")
    formula = body.get("autoScaleFormula", pool.formula)
    if formula is None:
        raise missing_property("autoScaleFormula")
    _check_formula(formula)
    if pool.formula is None and pool.allocation != "steady":
        raise BatchError("PoolBeingResized")
    pool.formula = formula
    pool.interval = _interval(body) or pool.interval
    pool.touch(service.now())
    start_autoscale(service, pool)
    return reply(200, resource=pool, url=own_url(request))


async def disable_autoscale(service: Service, request: Request) -> Response:
    """Leave the pool at the size it has; without autoscale nothing changes."""
    pool = _changeable(service, request)
    if pool.formula is not None:
        stop_autoscale(pool)
        pool.formula = pool.autoscale_run = None
        pool.touch(service.now())
    return reply(200, resource=pool, url=own_url(request))


async def evaluate_autoscale(service: Service, request: Request) -> Response:
    """Say what a formula would do, without doing it."""
    pool = service.account.pool(request.path_params["poolId"])
    body = await read_body(request, "BatchPoolEvaluateAutoScaleOptions")
    if pool.formula is None:
        raise BatchError("OperationNotValidOnPool", Reason="Autoscale is not enabled.")
    _check_formula(body["autoScaleFormula"], parse)
    run, _ = try_formula(service, pool, body["autoScaleFormula"])
    document = run.document()
    return reply_one(request, "autoscalerun", document, resource=pool, url=own_url(request))


def _changeable(service: Service, request: Request) -> Pool:
    """The pool of a request that would change it."""
    pool = service.account.pool(request.path_params["poolId"])
    check_conditions(request, pool)
    if pool.state == "deleting":
        raise BatchError("PoolBeingDeleted")
    return pool


def check_pool(body: dict[str, Any], *, auto: bool = False) -> None:
    """Checks a pool that is to be made, without an id.

    Args:
        body: what the client sent of it.
        auto: whether it is for a job, which then fails for what no pool can have any more.

    Raises:
        BatchError: if it cannot be.
    """
    if not auto:
        check_older_pool(body)
    if "virtualMachineConfiguration" not in body:
        raise missing_property("virtualMachineConfiguration")
    _check_spec(body)
    _check_targets(body)
    scaled = body.get("enableAutoScale", False)
    if scaled:
        _check_autoscaled(body)
    elif "autoScaleFormula" in body or "autoScaleEvaluationInterval" in body:
        raise BatchError(
            "InvalidAutoScalingSettings", Reason="A formula needs enableAutoScale to be true."
        )


def _check_autoscaled(body: dict[str, Any]) -> None:
    given = [name for name in _TARGETS if name in body]
    if given:
        reason = f"{', '.join(given)} must not be given where enableAutoScale is true."
        raise BatchError("InvalidAutoScalingSettings", Reason=reason)
    if "autoScaleFormula" not in body:
        raise missing_property("autoScaleFormula", "enableAutoScale needs it.")
    _check_formula(body["autoScaleFormula"])


def _check_change(service: Service, spec: dict[str, Any]) -> None:
    """Check what a pool is to become."""
    _check_spec(spec)
    check_pool_packages(service, spec.get("applicationPackageReferences", ()))
    check_sources(service, spec.get("startTask", {}), "startTask.")


def _check_spec(spec: dict[str, Any]) -> None:
    if not spec["vmSize"].lower().startswith(("standard_", "basic_")):
        reason = "A size of machines is expected, such as Standard_D2s_v5."
        raise invalid_property("vmSize", spec["vmSize"], reason)
    check_range("taskSlotsPerNode", spec.get("taskSlotsPerNode", 1), 1, _most_slots(spec["vmSize"]))
    image = spec["virtualMachineConfiguration"]["imageReference"]
    _check_image(image)
    if "startTask" in spec:
        check_work(spec["startTask"], "startTask.")
        retries = spec["startTask"].get("maxTaskRetryCount", 0)
        check_range("startTask.maxTaskRetryCount", retries, -1, 2**31 - 1)
    if "windowsConfiguration" in spec["virtualMachineConfiguration"] and not is_windows(spec):
        raise invalid_property(
            "virtualMachineConfiguration.windowsConfiguration",
            spec["virtualMachineConfiguration"]["windowsConfiguration"],
            "The pool has Linux nodes.",
        )
    check_accounts(spec)
    check_networks(spec)


def _check_image(image: dict[str, Any]) -> None:
    market = all(name in image for name in ("publisher", "offer", "sku"))
    path = "virtualMachineConfiguration.imageReference"
    if not market and not any(name in image for name in _IMAGE_IDS):
        reason = f"publisher, offer and sku are needed, or one of {', '.join(_IMAGE_IDS)}."
        raise missing_property(path, reason)
    own = image.get(_IMAGE_IDS[0])
    if own is not None and not _IMAGE.fullmatch(own):
        reason = (
            "Allowed: /subscriptions/{id}/resourceGroups/{group}/providers/Microsoft.Compute/"
            "galleries/{gallery}/images/{image}, with /versions/{version} or without."
        )
        raise invalid_property(f"{path}.{_IMAGE_IDS[0]}", own, reason)


def _most_slots(vm_size: str) -> int:
    """Returns four times the cores, and 256 at most."""
    cores = cores_of(vm_size)
    return 256 if cores is None else min(4 * cores, 256)


def _check_targets(body: dict[str, Any]) -> None:
    for name in _TARGETS:
        check_range(name, body.get(name, 0), 0, _MOST)
    _timeout(body.get("resizeTimeout"))
    _interval(dict(body))


def _check_formula(formula: str, check: Callable[[str], object] = check_targets) -> None:
    try:
        check(formula)
    except FormulaError as error:
        raise BatchError(error.code, Reason=str(error)) from None


def _timeout(text: str | None) -> timedelta | None:
    return None if text is None else check_duration("resizeTimeout", text, *RESIZE_TIMEOUT)


def _interval(body: dict[str, Any]) -> timedelta | None:
    text = body.pop("autoScaleEvaluationInterval", None)
    return None if text is None else check_duration("autoScaleEvaluationInterval", text, *_INTERVAL)
