"""Autoscale: the language of formulas by itself, and pools that follow them."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from azure.batch import models

from batch_emulator.autoscale.evaluate import check_targets, evaluate
from batch_emulator.autoscale.samples import View
from batch_emulator.autoscale.syntax import FormulaError

NOW = 1_769_000_400.0  # Wednesday 2026-01-21 13:00 UTC


@dataclass(frozen=True)
class Sample:
    time: float
    values: dict = field(default_factory=dict)


def view(*pending, **current):
    """A view with a sample of $PendingTasks every 30 seconds, the last now."""
    last = len(pending) - 1
    samples = [
        Sample(NOW - 30 * (last - at), {"PendingTasks": p, "ActiveTasks": p})
        for at, p in enumerate(pending)
    ]
    values = {"PendingTasks": 0, "ActiveTasks": 0, "CurrentDedicatedNodes": 0,
              "TargetDedicatedNodes": 0, "TargetLowPriorityNodes": 0, **current}  # fmt: skip
    return View(NOW, values, samples)


def value(expression, seen=None):
    """What an expression comes to, as evaluations show it."""
    results = evaluate(f"x = {expression}; $TargetDedicatedNodes = 0;", seen or view()).results
    return dict(pair.split("=", 1) for pair in results.split(";"))["x"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3 - 4 / 8", "6.5"),
        ("(1 + 2) * 3", "9"),
        ("-2 * -3", "6"),
        ("1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3 && 1 == 1 && 1 != 2", "1"),
        ("0 || !1", "0"),
        ("0 && 1 / 0", "0"),
        ("1 > 2 ? 3 : 2 > 1 ? 4 : 5", "4"),
        ("'a' == \"a\"", "1"),
        ("min(3, 1, 2) + max(3, 1, 2)", "4"),
        ("sum(1, 2, 3) + avg(1, 2, 3) + len(1, 2, 3)", "11"),
        ("lg(8) + ln(1) + log(1000)", "6"),
        ("ceil(1.2) + floor(1.8) + round(2.5)", "6"),
        ("range(1, 9) + norm(3, 4)", "13"),
        ("std(2, 4)", "1.41421"),
        ("percentile($PendingTasks.GetSample(3), 50)", "2"),
        ("val($PendingTasks.GetSample(3), 2)", "3"),
        ("$PendingTasks.GetSample(3) * 2", "[2,4,6]"),
        ("max($PendingTasks.GetSample(TimeInterval_Minute))", "3"),
        ("$PendingTasks.GetSamplePercent(TimeInterval_Minute * 5)", "30"),
        ("$PendingTasks.GetSamplePercent(TimeInterval_Minute)", "100"),
        ("$PendingTasks.Count()", "3"),
        ("$PendingTasks.GetSamplePeriod() == 30 * TimeInterval_Second", "1"),
        ("time().hour * 100 + time().minute", "1300"),
        ("time().weekday", "3"),
        ("time().year + time().month + time().day", "2048"),
        ("time() - time('2026-01-21T12:00:00Z') == TimeInterval_Hour", "1"),
        ("TimeInterval_Hour / 60 == TimeInterval_Minute", "1"),
        ("time() > time('2020-01-01T00:00:00Z') + TimeInterval_Week", "1"),
        ("$CurrentDedicatedNodes * 2", "0"),
    ],
)
def test_values(expression, expected):
    assert value(expression, view(1, 2, 3)).startswith(expected)
    assert abs(len(value(expression, view(1, 2, 3))) - len(expected)) < 4


@pytest.mark.parametrize(
    ("formula", "code"),
    [
        ("", "AutoScalingFormulaSyntaxError"),
        ("$TargetDedicatedNodes = ", "AutoScalingFormulaSyntaxError"),
        ("$TargetDedicatedNodes = 1 +", "AutoScalingFormulaSyntaxError"),
        ("$TargetDedicatedNodes = (1", "AutoScalingFormulaSyntaxError"),
        ("$TargetDedicatedNodes = 1 2", "AutoScalingFormulaSyntaxError"),
        ("$TargetDedicatedNodes = #", "AutoScalingFormulaSyntaxError"),
        ("5 = 5", "AutoScalingFormulaSyntaxError"),
        ("$TargetDedicatedNodes = " + "(" * 500 + "1" + ")" * 500, "AutoScalingFormulaSyntaxError"),
        ("$TargetDedicatedNodes = 1;" * 101, "AutoScalingFormulaSyntaxError"),
        ("x" * 8193, "AutoScalingFormulaTooLong"),
        ("$TargetDedicatedNodes = nothing", "AutoScalingFormulaEvaluationError"),
        ("$TargetDedicatedNodes = 1 / 0", "AutoScalingFormulaEvaluationError"),
        ("$TargetDedicatedNodes = nosuch(1)", "AutoScalingFormulaEvaluationError"),
        ("$TargetDedicatedNodes = 'many'", "AutoScalingFormulaEvaluationError"),
        ("$TargetDedicatedNodes = 1 + TimeInterval_Hour", "AutoScalingFormulaEvaluationError"),
        ("$TargetDedicatedNodes = time().century", "AutoScalingFormulaEvaluationError"),
        ("$CurrentDedicatedNodes = 3", "AutoScalingFormulaEvaluationError"),
        ("$NodeDeallocationOption = explode", "AutoScalingFormulaEvaluationError"),
        ("x = 1e400", "AutoScalingFormulaEvaluationError"),
        ("x = 1e308 * 10", "AutoScalingFormulaEvaluationError"),
        ("x = sum(1e308, 1e308)", "AutoScalingFormulaEvaluationError"),
        ("x = norm(1.7e308, 1.7e308)", "AutoScalingFormulaEvaluationError"),
        ("x = std(1.7e308, -1.7e308)", "AutoScalingFormulaEvaluationError"),
        ("x = $PendingTasks.GetSample(1e400)", "AutoScalingFormulaEvaluationError"),
        ("x = TimeInterval_Year * 1e308", "AutoScalingFormulaEvaluationError"),
        ("v = round(1, 1);" + "v = round(v, v);" * 40, "AutoScalingFormulaEvaluationError"),
        ("v = round(1, 1);" + "v = round(v, v);" * 17 + "a = v + v;" * 30,
         "AutoScalingFormulaEvaluationError"),
        ("v = round(1, 1);" + "v = round(v, v);" * 17 + "a = v; b = v; c = v;" * 9,
         "AutoScalingFormulaEvaluationError"),
        ("$TargetDedicatedNodes = $PendingTasks.GetSample(TimeInterval_Hour, 70)",
         "InsufficientSampleData"),
    ],
)  # fmt: skip
def test_formulas_that_have_no_value(formula, code):
    with pytest.raises(FormulaError) as caught:
        evaluate(formula, view(1, 2, 3))
    assert caught.value.code == code


def test_no_samples_at_all_are_none():
    assert (
        evaluate("$TargetDedicatedNodes = avg($PendingTasks.GetSample(1))", view()).dedicated == 0
    )


def test_a_formula_has_to_set_a_target():
    with pytest.raises(FormulaError, match="TargetDedicatedNodes"):
        check_targets("x = 1;")


DOCUMENTED = """
startingNumberOfVMs = 1;
maxNumberofVMs = 25;
pendingTaskSamplePercent = $PendingTasks.GetSamplePercent(180 * TimeInterval_Second);
pendingTaskSamples = pendingTaskSamplePercent < 70 ? startingNumberOfVMs
    : avg($PendingTasks.GetSample(180 * TimeInterval_Second));
$TargetDedicatedNodes = min(maxNumberofVMs, pendingTaskSamples);
$NodeDeallocationOption = taskcompletion;
"""
"""The service's own example."""


@pytest.mark.parametrize(
    ("pending", "nodes"), [([], 1), ([9, 9], 1), ([10] * 7, 10), ([100] * 7, 25), ([0] * 7, 0)]
)
def test_the_documented_formula(pending, nodes):
    decision = evaluate(DOCUMENTED, view(*pending))
    assert (decision.dedicated, decision.spot) == (nodes, 0)
    assert decision.deallocation == "taskcompletion"
    assert decision.results.startswith(f"$TargetDedicatedNodes={nodes};$TargetLowPriorityNodes=0;")


def test_the_documented_formula_by_the_day_and_hour():
    decision = evaluate(
        """curTime = time(); // a comment
        workHours = curTime.hour >= 8 && curTime.hour < 18;
        isWeekday = curTime.weekday >= 1 && curTime.weekday <= 5;
        isWorkingWeekdayHour = workHours && isWeekday;
        $TargetDedicatedNodes = isWorkingWeekdayHour ? 20 : 10;""",
        view(),
    )
    assert decision.dedicated == 20


def test_targets_that_are_not_set_stay():
    decision = evaluate("$TargetLowPriorityNodes = 2.9", view(TargetDedicatedNodes=4))
    assert (decision.dedicated, decision.spot) == (4, 2)
    assert evaluate("$TargetDedicatedNodes = -3", view()).dedicated == 0


def scaled(batch, formula, **more):
    return batch.pool(
        enableAutoScale=True,
        autoScaleFormula=formula,
        autoScaleEvaluationInterval="PT5M",
        **more,
    )


def test_a_formula_is_evaluated_when_the_pool_is_made(batch):
    pool_id = scaled(batch, "$TargetDedicatedNodes = 1; $TargetLowPriorityNodes = 1;")
    batch.ready(pool_id, 2)
    pool = batch.client.get_pool(pool_id)
    assert pool.enable_auto_scale is True
    assert (pool.target_dedicated_nodes, pool.target_low_priority_nodes) == (1, 1)
    assert "$TargetDedicatedNodes=1" in pool.auto_scale_run.results
    assert pool.auto_scale_run.error is None
    assert pool.auto_scale_evaluation_interval.total_seconds() == 300


def test_a_pool_grows_with_its_tasks_and_shrinks_to_nothing_after_them(emulator):
    batch = emulator("--time-scale=600")
    pool = scaled(
        batch,
        "percent = $PendingTasks.GetSamplePercent(2 * TimeInterval_Minute);"
        "wanted = percent < 70 ? 0 : max($PendingTasks.GetSample(2 * TimeInterval_Minute));"
        "$TargetLowPriorityNodes = min(3, wanted); $NodeDeallocationOption = taskcompletion;",
    )
    job = batch.job(pool)
    tasks = [batch.task(job, "/bin/sleep 1") for _ in range(5)]
    batch.until(lambda: batch.nodes(pool), lambda nodes: len(nodes) == 3)
    for task in tasks:
        assert batch.completed(job, task).execution_info.result == "success"
    batch.until(lambda: batch.nodes(pool), lambda nodes: not nodes)
    assert all(not node.is_dedicated for node in batch.nodes(pool))


def test_a_formula_that_overflows_later_on_is_tried_again(emulator):
    batch = emulator("--boot-time=0")
    pool_id = scaled(
        batch,
        "x = $CurrentDedicatedNodes < 1 ? 0 : sum(1e308, 1e308); $TargetDedicatedNodes = 1;",
    )
    batch.ready(pool_id, 1)
    for _ in range(2):
        before = batch.client.get_pool(pool_id).auto_scale_run.timestamp
        batch.running.admin.advance(timedelta(minutes=6))
        run = batch.client.get_pool(pool_id).auto_scale_run
        assert run.timestamp > before
        assert run.error.code == "AutoScalingFormulaEvaluationError"


def test_a_multi_instance_task_that_waits_counts_as_all_its_instances(batch):
    formula = "$TargetDedicatedNodes = $TargetDedicatedNodes;"
    pool = scaled(batch, formula, enableInterNodeCommunication=True)
    job = batch.job(pool)
    several = {"numberOfInstances": 4, "coordinationCommandLine": "/bin/true"}
    batch.task(job, multiInstanceSettings=several)
    batch.task(job)
    asked = models.BatchPoolEvaluateAutoScaleOptions(
        auto_scale_formula="x = $ActiveTasks; y = $PendingTasks;"
    )
    results = batch.client.evaluate_pool_auto_scale(pool, asked).results
    assert results.endswith("x=5;y=5")


def test_an_evaluation_that_fails_leaves_the_pool_and_says_why(batch):
    pool_id = scaled(
        batch, "$TargetDedicatedNodes = avg($PendingTasks.GetSample(600 * TimeInterval_Hour, 90));"
    )
    pool = batch.until(lambda: batch.client.get_pool(pool_id), lambda p: p.auto_scale_run)
    assert pool.auto_scale_run.error.code == "InsufficientSampleData"
    assert pool.target_dedicated_nodes == 0


def test_enable_evaluate_disable(batch, refused):
    pool = batch.pool(nodes=0)
    evaluate_options = models.BatchPoolEvaluateAutoScaleOptions(
        auto_scale_formula="$TargetDedicatedNodes = 7;"
    )
    error = refused(lambda: batch.client.evaluate_pool_auto_scale(pool, evaluate_options))
    assert error.status_code == 409
    enable = models.BatchPoolEnableAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes = 1;")
    batch.client.enable_pool_auto_scale(pool, enable)
    batch.ready(pool, 1)
    run = batch.client.evaluate_pool_auto_scale(pool, evaluate_options)
    assert "$TargetDedicatedNodes=7" in run.results
    assert batch.client.get_pool(pool).target_dedicated_nodes == 1
    resize = models.BatchPoolResizeOptions(target_dedicated_nodes=2)
    error = refused(lambda: batch.client.begin_resize_pool(pool, resize))
    assert error.error.code == "OperationNotValidOnPool"
    batch.client.disable_pool_auto_scale(pool)
    disabled = batch.client.get_pool(pool)
    assert (disabled.enable_auto_scale, disabled.target_dedicated_nodes) == (False, 1)
