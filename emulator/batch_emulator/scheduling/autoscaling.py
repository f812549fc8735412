"""Autoscale at work: samples every 30 seconds, formulas on their pools' intervals."""

from __future__ import annotations

from collections.abc import Sequence

from batch_emulator.autoscale.evaluate import PERIOD, Decision, View, evaluate
from batch_emulator.autoscale.syntax import FormulaError
from batch_emulator.scheduling.allocation import resize
from batch_emulator.service import Service
from batch_emulator.state.pool import AutoscaleRun, Pool, Sample


def take_samples(service: Service) -> None:
    """Sample every pool, every 30 seconds, from now on."""

    def look(times: Sequence[float]) -> None:
        for pool in service.account.pools.values():
            values = measure(service, pool)
            pool.samples.extend(Sample(time, values) for time in times)

    service.clock.observe(PERIOD, look)


def start_autoscale(service: Service, pool: Pool) -> None:
    """Evaluate a pool's formula now, and on its interval from now on."""
    stop_autoscale(pool)
    pool.scaling = service.spawn(_autoscale(service, pool))


def stop_autoscale(pool: Pool) -> None:
    """Evaluate a pool's formula no more."""
    if pool.scaling is not None:
        pool.scaling.cancel()
        pool.scaling = None


def try_formula(service: Service, pool: Pool, formula: str) -> tuple[AutoscaleRun, Decision | None]:
    """Evaluate a formula for a pool without applying it."""
    view = View(service.clock.time(), measure(service, pool), pool.samples)
    try:
        decision = evaluate(formula, view)
    except FormulaError as error:
        return AutoscaleRun(service.now(), "", (error.code, str(error))), None
    return AutoscaleRun(service.now(), decision.results), decision


def measure(service: Service, pool: Pool) -> dict[str, float]:
    """The service-defined variables of a pool, now."""
    jobs = list(service.account.jobs_of(pool.id))
    active = sum(job.ready for job in jobs if job.state == "active")
    running = sum(job.counts.running for job in jobs)
    nodes = pool.nodes.values()
    return {
        "ActiveTasks": active,
        "RunningTasks": running,
        "PendingTasks": active + running,
        "SucceededTasks": sum(job.counts.succeeded for job in jobs),
        "FailedTasks": sum(job.counts.failed for job in jobs),
        "CurrentDedicatedNodes": pool.count(dedicated=True),
        "CurrentLowPriorityNodes": pool.count(dedicated=False),
        "PreemptedNodeCount": 0,
        "UsableNodeCount": sum(node.state in ("idle", "running") for node in nodes),
        "SampleNodeCount": sum(node.state in ("idle", "running") for node in nodes),
        "TaskSlotsPerNode": pool.slots,
        "TargetDedicatedNodes": pool.dedicated,
        "TargetLowPriorityNodes": pool.spot,
    }


async def _autoscale(service: Service, pool: Pool) -> None:
    while pool.formula is not None:
        pool.autoscale_run, decision = try_formula(service, pool, pool.formula)
        pool.mark()
        wanted = (decision.dedicated, decision.spot) if decision else None
        if decision and wanted != (pool.dedicated, pool.spot):
            resize(
                service,
                pool,
                dedicated=decision.dedicated,
                spot=decision.spot,
                deallocation=decision.deallocation,
            )
        await service.clock.sleep(pool.interval.total_seconds())
