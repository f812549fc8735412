"""Faults of nodes on demand: preemption, broken and lost nodes, failed allocations, quotas."""

import contextlib
import random
from datetime import timedelta

import pytest
from azure.batch import models

from batch_emulator.admin.client import AdminError


def state(batch, pool, node):
    return batch.client.get_node(pool, node).state


def reach(batch, pool, node, wanted):
    return batch.until(lambda: state(batch, pool, node), lambda s: s == wanted)


def spot_pool(batch, nodes=1, **properties):
    pool = batch.pool(nodes=0, targetLowPriorityNodes=nodes, **properties)
    steady(batch, pool)
    return pool, [node.id for node in batch.ready(pool, nodes)]


def steady(batch, pool):
    return batch.until(
        lambda: batch.client.get_pool(pool), lambda p: p.allocation_state == "steady"
    )


def running_task(batch, pool):
    job = batch.job(pool)
    task = batch.task(job, "/bin/sh -c 'echo $$; sleep 60'", constraints={"maxTaskRetryCount": 0})
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    return job, task


def resize(batch, pool, **targets):
    options = models.BatchPoolResizeOptions(**targets)
    batch.client.begin_resize_pool(pool, options, polling_interval=0)
    return steady(batch, pool)


def test_a_preempted_node_is_listed_and_counted_and_comes_back_empty(batch, alive):
    pool, (node,) = spot_pool(batch)
    allocated = batch.client.get_node(pool, node).allocation_time
    job, task = running_task(batch, pool)
    pid = int(batch.until(lambda: batch.text(job, task)).strip())
    assert batch.running.admin.strike(pool, "preempted", [node]) == [node]
    assert state(batch, pool, node) == "preempted"
    batch.until(lambda: not alive(pid))
    waiting = batch.until(lambda: batch.client.get_task(job, task), lambda t: t.state == "active")
    assert waiting.execution_info.retry_count == 0
    assert waiting.execution_info.requeue_count == 0
    counts = {c.pool_id: c for c in batch.client.list_pool_node_counts()}[pool].low_priority
    assert (counts.preempted, counts.total) == (1, 1)
    assert batch.client.get_pool(pool).current_low_priority_nodes == 1
    assert list(batch.client.list_node_files(pool, node)) == []
    assert [n.id for n in batch.client.list_nodes(pool, filter="state eq 'preempted'")] == [node]
    assert batch.running.admin.bring_back(pool) == [node]
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    assert batch.client.get_node(pool, node).allocation_time == allocated


def test_the_same_seed_chooses_the_same_nodes(batch):
    pool, nodes = spot_pool(batch, 6)
    nodes = [node.id for node in batch.client.list_nodes(pool)]
    chosen = []
    for seed in (7, 7, 8, 9):
        struck = batch.running.admin.strike(pool, "preempted", count=3, seed=seed)
        assert {n.id for n in batch.nodes(pool, "preempted")} == set(struck)
        chosen.append([nodes.index(name) for name in struck])
        batch.running.admin.bring_back(pool)
        batch.ready(pool, 6)
    assert chosen[0] == chosen[1] == [1, 2, 3]
    assert len({tuple(places) for places in chosen}) > 1


def test_capacity_can_return_by_the_clock(emulator, tmp_path):
    batch = emulator("--boot-time=0.05", f"--state={tmp_path}")
    pool, (node,) = spot_pool(batch)
    batch.running.admin.strike(pool, "preempted", [node], back_after=timedelta(hours=2))
    batch.running.process.kill()
    batch.running.process.wait(10)
    batch = emulator("--boot-time=0.05", f"--state={tmp_path}")
    batch.running.admin.advance(timedelta(hours=1))
    assert state(batch, pool, node) == "preempted"
    batch.running.admin.advance(timedelta(hours=1, seconds=10))
    batch.ready(pool, 1)


def test_an_unusable_node_tells_why_and_boots_when_it_recovers(batch):
    pool = batch.pool(startTask={"commandLine": "/bin/sh -c 'echo up >> ../../shared/n'"})
    node = batch.ready(pool, 1)[0].id
    job, task = running_task(batch, pool)
    batch.running.admin.strike(pool, "unusable", [node], error=("DiskFull", "No space is left"))
    broken = batch.client.get_node(pool, node)
    assert broken.state == "unusable"
    assert [(e.code, e.message) for e in broken.errors] == [("DiskFull", "No space is left")]
    waiting = batch.until(lambda: batch.client.get_task(job, task), lambda t: t.state == "active")
    assert waiting.execution_info.retry_count == 0
    answer = batch.raw("POST", f"/pools/{pool}/nodes/{node}/reboot")
    assert (answer.status_code, answer.json()["code"]) == (409, "NodeStateUnusable")
    batch.running.admin.bring_back(pool, [node])
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    assert not batch.client.get_node(pool, node).errors
    assert b"".join(batch.client.download_node_file(pool, node, "shared/n")) == b"up\nup\n"


def test_contact_is_lost_and_comes_back(batch):
    pool = batch.pool()
    node = batch.ready(pool, 1)[0]
    job, task = running_task(batch, pool)
    batch.running.admin.strike(pool, "unknown", [node.id])
    assert state(batch, pool, node.id) == "unknown"
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "active")
    batch.running.admin.bring_back(pool)
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    assert batch.client.get_node(pool, node.id).last_boot_time == node.last_boot_time


def test_a_node_is_offline_and_back_on_line(batch):
    pool = batch.pool()
    node = batch.ready(pool, 1)[0].id
    batch.running.admin.strike(pool, "offline", count=1)
    assert batch.client.get_node(pool, node).scheduling_state == "disabled"
    assert state(batch, pool, node) == "offline"
    batch.running.admin.bring_back(pool)
    assert batch.client.get_node(pool, node).scheduling_state == "enabled"
    assert state(batch, pool, node) == "idle"


@pytest.mark.parametrize("deferred", [False, True])
def test_an_upgrade_of_the_system_waits_for_tasks_where_the_pool_says_so(batch, deferred):
    policy = {"mode": "automatic", "automaticOSUpgradePolicy": {
        "enableAutomaticOSUpgrade": True, "osRollingUpgradeDeferral": deferred}}  # fmt: skip
    pool = batch.pool(upgradePolicy=policy)
    node = batch.ready(pool, 1)[0].id
    job = batch.job(pool)
    task = batch.task(job, "/bin/sleep 0.5")
    first = batch.until(lambda: batch.client.get_task(job, task), lambda t: t.state == "running")
    batch.running.admin.strike(pool, "upgradingos", [node])
    assert state(batch, pool, node) == "upgradingos"
    counts = {c.pool_id: c for c in batch.client.list_pool_node_counts()}[pool].dedicated
    assert counts.upgrading_os == 1
    ended = batch.completed(job, task).execution_info
    assert (ended.start_time == first.execution_info.start_time) is deferred
    reach(batch, pool, node, "idle")


@pytest.mark.parametrize(
    ("fault", "options", "reason"),
    [
        ("preempted", {"nodes": []}, ""),
        ("preempted", {"count": 1}, "Only 0 of"),
        ("unusable", {"count": 2}, "Only 1 of"),
        ("unusable", {"count": 0}, "whole number"),
        ("unusable", {"nodes": ["tvm-none"]}, "NodeNotFound"),
        ("melted", {"count": 1}, "Allowed: preempted"),
        ("unusable", {"nodes": None, "count": None}, "whole number"),
    ],
)
def test_faults_that_cannot_be(batch, fault, options, reason):
    pool = batch.pool()
    node = batch.ready(pool, 1)[0].id
    if not reason:
        options, reason = {"nodes": [node]}, "only low-priority"
    with pytest.raises(AdminError, match=reason):
        batch.running.admin.strike(pool, fault, **options)
    assert state(batch, pool, node) == "idle"


def test_a_node_that_is_well_cannot_be_brought_back(batch):
    pool = batch.pool()
    node = batch.ready(pool, 1)[0].id
    with pytest.raises(AdminError, match="OperationInvalidForCurrentState"):
        batch.running.admin.bring_back(pool, [node])
    assert batch.running.admin.bring_back(pool) == []


def test_a_preempted_node_is_taken_away_first_and_shrinking_works(batch):
    pool, nodes = spot_pool(batch, 2)
    batch.running.admin.strike(pool, "preempted", [nodes[0]])
    resize(batch, pool, target_low_priority_nodes=1)
    assert [node.id for node in batch.nodes(pool)] == [nodes[1]]


def test_autoscale_sees_preempted_and_usable_nodes(batch):
    formula = (
        "$TargetLowPriorityNodes=3;p=$PreemptedNodeCount.GetSample(1);"
        "u=$UsableNodeCount.GetSample(1);"
    )
    pool = batch.pool(enableAutoScale=True, autoScaleFormula="$TargetLowPriorityNodes=3")
    batch.ready(pool, 3)
    batch.running.admin.strike(pool, "preempted", count=1)
    batch.running.admin.advance(timedelta(minutes=3))
    run = batch.client.evaluate_pool_auto_scale(
        pool, models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula=formula)
    )
    assert run.error is None
    assert "p=[1]" in run.results.replace(" ", "") or "p=1" in run.results
    assert "u=[2]" in run.results.replace(" ", "") or "u=2" in run.results


def test_allocations_fail_as_often_as_ordered(batch):
    pool = batch.pool(nodes=0)
    steady(batch, pool)
    batch.running.admin.fail_allocations(pool, times=2)
    for _ in range(2):
        failed = resize(batch, pool, target_dedicated_nodes=1)
        assert [e.code for e in failed.resize_errors] == ["AllocationFailed"]
        assert (failed.current_dedicated_nodes, failed.target_dedicated_nodes) == (0, 1)
    assert not resize(batch, pool, target_dedicated_nodes=1).resize_errors
    assert len(batch.ready(pool, 1)) == 1


def test_a_resize_that_needs_no_nodes_uses_no_failure_up(batch):
    pool = batch.pool(nodes=1)
    batch.ready(pool, 1)
    steady(batch, pool)
    batch.running.admin.fail_allocations(pool, "VMSizeNotAvailable", "None of that size are left")
    assert not resize(batch, pool, target_dedicated_nodes=0).resize_errors
    error = resize(batch, pool, target_dedicated_nodes=1).resize_errors[0]
    assert (error.code, error.message) == ("VMSizeNotAvailable", "None of that size are left")


def test_autoscale_tries_again_where_an_allocation_failed(batch):
    pool = batch.pool(enableAutoScale=True, autoScaleFormula="$TargetDedicatedNodes=0")
    batch.running.admin.fail_allocations(pool)
    options = models.BatchPoolEnableAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes=1")
    batch.client.enable_pool_auto_scale(pool, options)
    failed = batch.until(lambda: batch.client.get_pool(pool), lambda p: p.resize_errors)
    assert failed.current_dedicated_nodes == 0
    batch.running.admin.advance(timedelta(minutes=15, seconds=1))
    batch.ready(pool, 1)


def test_an_allocation_that_times_out_takes_its_time(emulator, tmp_path):
    batch = emulator("--boot-time=0.05", f"--state={tmp_path}")
    pool = batch.pool(nodes=0)
    steady(batch, pool)
    batch.running.admin.fail_allocations(pool, "AllocationTimedOut", "Time is up", times=2)
    batch.running.process.kill()
    batch.running.process.wait(10)
    batch = emulator("--boot-time=0.05", f"--state={tmp_path}")
    options = models.BatchPoolResizeOptions(
        target_dedicated_nodes=1, resize_timeout=timedelta(minutes=10)
    )
    batch.client.begin_resize_pool(pool, options, polling_interval=0)
    batch.running.admin.advance(timedelta(minutes=9))
    assert batch.client.get_pool(pool).allocation_state == "resizing"
    batch.running.admin.advance(timedelta(minutes=2))
    assert steady(batch, pool).resize_errors[0].code == "AllocationTimedOut"


def test_quotas_are_set_at_run_time_and_outlast_a_kill(emulator, tmp_path, refused):
    batch = emulator("--boot-time=0.05", f"--state={tmp_path}")
    pool = batch.pool(nodes=1)
    batch.ready(pool, 1)
    steady(batch, pool)
    batch.job(pool)
    quotas = batch.running.admin.set_quotas(dedicated_nodes=1, low_priority_nodes=0, active_jobs=1)
    given = {"dedicated_nodes": 1, "low_priority_nodes": 0, "active_jobs": 1}
    assert {name: cores for name, cores in quotas.items() if cores is not None} == given
    batch.running.process.kill()
    batch.running.process.wait(10)
    batch = emulator("--boot-time=0.05", f"--state={tmp_path}")
    batch.ready(pool, 1)
    short = resize(batch, pool, target_dedicated_nodes=3, target_low_priority_nodes=1)
    codes = {error.code for error in short.resize_errors}
    assert codes == {"AccountCoreQuotaReached", "AccountLowPriorityCoreQuotaReached"}
    assert (short.current_dedicated_nodes, short.current_low_priority_nodes) == (1, 0)
    error = refused(lambda: batch.client.create_job(models.BatchJobCreateOptions(
        {"id": "one-more", "poolInfo": {"poolId": pool}})))  # fmt: skip
    assert (error.status_code, error.error.code) == (409, "ActiveJobAndScheduleQuotaReached")
    batch.running.admin.set_quotas(dedicated_nodes=None, active_jobs=None)
    batch.client.create_job(models.BatchJobCreateOptions(
        {"id": "one-more", "poolInfo": {"poolId": pool}}))  # fmt: skip
    grown = resize(batch, pool, target_dedicated_nodes=3, target_low_priority_nodes=1)
    assert [e.code for e in grown.resize_errors] == ["AccountLowPriorityCoreQuotaReached"]
    batch.ready(pool, 3)


@pytest.mark.parametrize(
    "quotas",
    [
        {"nodes": 1},
        {"activeJobs": -1},
        {"activeJobs": "many"},
        {"coresByFamily": 3},
        {"coresByFamily": {"a": -1}},
    ],
)
def test_quotas_that_cannot_be(batch, quotas):
    with pytest.raises(AdminError, match="InvalidPropertyValue"):
        batch.running.admin.ask("PATCH", "quotas", quotas)


def test_faults_outlast_a_kill(emulator, tmp_path):
    batch = emulator("--boot-time=0.05", f"--state={tmp_path}")
    pool, nodes = spot_pool(batch, 3)
    for fault, node in zip(("preempted", "unusable", "unknown"), nodes, strict=True):
        batch.running.admin.strike(pool, fault, [node])
    batch.running.process.kill()
    batch.running.process.wait(10)
    batch = emulator("--boot-time=0.05", f"--state={tmp_path}")
    states = {node.id: node.state for node in batch.nodes(pool)}
    assert states == dict(zip(nodes, ("preempted", "unusable", "unknown"), strict=True))
    assert batch.client.get_node(pool, nodes[1]).errors[0].code == "NodePreparationError"
    assert len(batch.running.admin.bring_back(pool)) == 3
    batch.ready(pool, 3)


def test_under_faults_no_task_is_lost_or_runs_twice_at_a_time(emulator, tmp_path):
    batch = emulator("--boot-time=0.02")
    pool, nodes = spot_pool(batch, 3, taskSlotsPerNode=2)
    job = batch.job(pool)
    lock = f"{tmp_path}/$AZ_BATCH_TASK_ID"
    line = f"exec 9>{lock}; flock -n 9 || echo $AZ_BATCH_TASK_ID >> {tmp_path}/twice; sleep 0.05"
    tasks = [batch.task(job, f"/bin/sh -c '{line}'") for _ in range(40)]
    dice = random.Random(1)
    for _ in range(40):
        action = dice.choice(("preempted", "unusable", "unknown", "reboot", "reimage", "return"))
        node = dice.choice(nodes)
        if action in ("reboot", "reimage"):
            batch.raw("POST", f"/pools/{pool}/nodes/{node}/{action}")
        elif action != "return":
            with contextlib.suppress(AdminError):
                batch.running.admin.strike(pool, action, [node])
        else:
            batch.running.admin.bring_back(pool)
    batch.running.admin.bring_back(pool)
    ended = [batch.completed(job, task).execution_info for task in tasks]
    assert {(info.result, info.retry_count) for info in ended} == {("success", 0)}
    assert not (tmp_path / "twice").exists()
    at_rest = batch.until(lambda: batch.nodes(pool, "idle"), lambda found: len(found) == 3)
    assert {node.running_task_slots_count for node in at_rest} == {0}


def test_why_dedicated_nodes_are_not_preempted_is_told(batch):
    pool = batch.pool(nodes=2)
    batch.ready(pool, 2)
    with pytest.raises(AdminError, match=r"Only 0 of .* only Spot \(low-priority\) nodes"):
        batch.running.admin.strike(pool, "preempted", count=2, seed=7)
    assert len(batch.running.admin.strike(pool, "unusable", count=1, seed=7)) == 1


def test_an_order_for_a_pool_that_is_not_there_has_a_reason(batch):
    with pytest.raises(AdminError, match=r"PoolNotFound: The specified pool does not exist\."):
        batch.running.admin.strike("none", "unusable", count=1)
