"""Operations on pools."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.autoscale.syntax import parse
from batch_emulator.operations.checks import check_id
from batch_emulator.operations.listing import POOLS, question, selection
from batch_emulator.operations.older import check_older_pool
from batch_emulator.operations.pool_checks import (
    FIXED,
    TARGETS,
    check_change,
    check_formula,
    check_pool,
    check_sizes,
    evaluation_interval,
    resize_timeout,
)
from batch_emulator.operations.sources import check_sources
from batch_emulator.scheduling.allocation import delete_pool as begin_deletion
from batch_emulator.scheduling.allocation import resize, stop_resize
from batch_emulator.scheduling.autoscaling import end_autoscale, start_autoscale, try_formula
from batch_emulator.scheduling.pools import make_pool
from batch_emulator.service import Service
from batch_emulator.state.pool import Pool
from batch_emulator.wire.body import read_body
from batch_emulator.wire.errors import BatchError, missing_property
from batch_emulator.wire.paging import choose, reply_page
from batch_emulator.wire.reply import base_url, check_conditions, own_url, reply, reply_one
from batch_emulator.wire.versions import pool_as_told


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
    fixed = [name for name in FIXED if name in body]
    if fixed and pool.nodes:
        raise BatchError(
            "OperationNotValidOnPool",
            Reason=f"{', '.join(fixed)} can be changed only while the pool has no nodes.",
        )
    check_older_pool(body)
    check_change(service, {**pool.spec, **body})
    pool.spec = {**pool.spec, **body}
    pool.touch(service.now())
    return reply(200, resource=pool, url=own_url(request))


async def replace_pool_properties(service: Service, request: Request) -> Response:
    """Replace start task, packages and metadata: what is not given is removed."""
    pool = _changeable(service, request)
    body = await read_body(request, "BatchPoolReplaceOptions")
    check_older_pool(body)
    check_change(service, {**pool.spec, **body})
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
    check_sizes(body)
    resize(
        service,
        pool,
        dedicated=body.get(TARGETS[0], pool.dedicated),
        spot=body.get(TARGETS[1], pool.spot),
        deallocation=body.get("nodeDeallocationOption", "requeue"),
        timeout=resize_timeout(body.get("resizeTimeout")),
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
    check_formula(formula)
    if pool.formula is None and pool.allocation != "steady":
        raise BatchError("PoolBeingResized")
    pool.formula = formula
    pool.interval = evaluation_interval(body) or pool.interval
    pool.touch(service.now())
    start_autoscale(service, pool)
    return reply(200, resource=pool, url=own_url(request))


async def disable_autoscale(service: Service, request: Request) -> Response:
    """Leave the pool at the size it has; without autoscale nothing changes."""
    pool = _changeable(service, request)
    if pool.formula is not None:
        end_autoscale(service, pool)
    return reply(200, resource=pool, url=own_url(request))


async def evaluate_autoscale(service: Service, request: Request) -> Response:
    """Say what a formula would do, without doing it."""
    pool = service.account.pool(request.path_params["poolId"])
    body = await read_body(request, "BatchPoolEvaluateAutoScaleOptions")
    if pool.formula is None:
        raise BatchError("OperationNotValidOnPool", Reason="Autoscale is not enabled.")
    check_formula(body["autoScaleFormula"], parse)
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
