"""A pool's beginning, whoever wants it: a client or a job."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from batch_emulator.scheduling.allocation import resize
from batch_emulator.scheduling.autoscaling import start_autoscale
from batch_emulator.scheduling.packages import check_pool_packages
from batch_emulator.scheduling.usages import begin_usage
from batch_emulator.service import Service
from batch_emulator.state.pool import Pool
from batch_emulator.wire.errors import BatchError
from batch_emulator.wire.iso8601 import parse_duration


def make_pool(service: Service, pool_id: str, given: dict[str, Any]) -> Pool:
    """Make a pool, and begin to fill it.

    Args:
        service: the service.
        pool_id: an id that no pool has.
        given: what the client sent, checked, without the id.

    Raises:
        BatchError: `PoolQuotaReached`.
    """
    if len(service.account.pools) >= service.options.pools:
        raise BatchError("PoolQuotaReached")
    check_pool_packages(service, given.get("applicationPackageReferences", ()))
    spec = dict(given)
    pool = Pool(id=pool_id, created=service.now(), ledger=service.ledger, spec=spec)
    dedicated, spot = spec.pop("targetDedicatedNodes", 0), spec.pop("targetLowPriorityNodes", 0)
    timeout = spec.pop("resizeTimeout", None)
    formula, interval = spec.pop("autoScaleFormula", None), _interval(spec)
    spec.pop("enableAutoScale", None)
    service.account.pools[pool_id.lower()] = pool
    begin_usage(service, pool)
    if formula is not None:
        pool.formula, pool.interval = formula, pool.interval if interval is None else interval
        start_autoscale(service, pool)
    else:
        timeout = None if timeout is None else parse_duration(timeout)
        resize(service, pool, dedicated=dedicated, spot=spot, timeout=timeout, new=True)
    return pool


def _interval(spec: dict[str, Any]) -> timedelta | None:
    text = spec.pop("autoScaleEvaluationInterval", None)
    return None if text is None else parse_duration(text)
