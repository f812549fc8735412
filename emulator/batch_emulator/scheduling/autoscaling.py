"""Autoscale at work: samples every 30 seconds, formulas on their pools' intervals."""

from __future__ import annotations

from collections.abc import Sequence

from batch_emulator.autoscale.evaluate import Decision, evaluate
from batch_emulator.autoscale.samples import PERIOD, View
from batch_emulator.autoscale.syntax import FormulaError
from batch_emulator.node.usage import Processors
from batch_emulator.scheduling.allocation import fits, resize
from batch_emulator.service import Service
from batch_emulator.state.pool import AutoscaleRun, Pool, Sample

LAG = PERIOD
"""Seconds from a sample to formulas that see it. The service's page says about a minute; with a
whole one its own first example, 70 percent of 180 seconds, would never come to use a sample, and
pools in use report 96.6667 percent of 15 minutes, which is one sample missing."""


def take_samples(service: Service) -> None:
    """Sample every pool, every 30 seconds, from now on."""
    processors = Processors()

    def look(times: Sequence[float]) -> None:
        busy = processors.busy()
        for pool in service.account.pools.values():
            values = measure(service, pool)
            if values["UsableNodeCount"]:
                # Nodes tell of their processors; where there are none nobody does.
                values["CPUPercent"] = busy
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


def end_autoscale(service: Service, pool: Pool) -> None:
    """Leave a pool at the size that it has."""
    stop_autoscale(pool)
    pool.formula = pool.autoscale_run = None
    pool.touch(service.now())


def try_formula(service: Service, pool: Pool, formula: str) -> tuple[AutoscaleRun, Decision | None]:
    """Evaluate a formula for a pool without applying it."""
    now = service.clock.time()
    seen = [sample for sample in pool.samples if sample.time <= now - LAG]
    current = measure(service, pool)
    if seen and "CPUPercent" in seen[-1].values:
        current["CPUPercent"] = seen[-1].values["CPUPercent"]
    try:
        decision = evaluate(formula, View(now, current, seen))
    except FormulaError as error:
        why = (error.code, error.sentence, error.detail(formula))
        return AutoscaleRun(service.now(), error.results, why), None
    return AutoscaleRun(service.now(), decision.results), decision


def measure(service: Service, pool: Pool) -> dict[str, float]:
    """The service-defined variables of a pool, now, but for the use of processors."""
    jobs = list(service.account.jobs_of(pool.id))
    active = sum(job.wanted for job in jobs if job.state == "active")
    running = sum(job.counts.running for job in jobs)
    nodes = pool.nodes.values()
    usable = sum(node.state in ("idle", "running") for node in nodes)
    return {
        "ActiveTasks": active,
        "RunningTasks": running,
        "PendingTasks": active + running,
        "SucceededTasks": sum(job.counts.succeeded for job in jobs),
        "FailedTasks": sum(job.counts.failed for job in jobs),
        "CurrentDedicatedNodes": pool.count(dedicated=True),
        "CurrentLowPriorityNodes": pool.count(dedicated=False),
        "PreemptedNodeCount": sum(node.state == "preempted" for node in nodes),
        "UsableNodeCount": usable,
        "SampleNodeCount": usable,
        "TaskSlotsPerNode": pool.slots,
        "TargetDedicatedNodes": pool.dedicated,
        "TargetLowPriorityNodes": pool.spot,
    }


async def _autoscale(service: Service, pool: Pool) -> None:
    while pool.formula is not None:
        pool.autoscale_run, decision = try_formula(service, pool, pool.formula)
        pool.mark()
        wanted = (decision.dedicated, decision.spot) if decision else None
        # A resize that fell short is tried again.
        short = pool.allocation == "steady" and not fits(pool)
        if decision and (short or wanted != (pool.dedicated, pool.spot)):
            resize(
                service,
                pool,
                dedicated=decision.dedicated,
                spot=decision.spot,
                deallocation=decision.deallocation,
            )
        await service.clock.sleep(pool.interval.total_seconds())
