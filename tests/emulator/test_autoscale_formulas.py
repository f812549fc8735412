"""The formulas of the service's page on autoscale, each with a result computed by hand.

Source: "Create a formula to automatically scale compute nodes in a Batch pool", its example of
"Evaluate an automatic scaling formula", and what the service was seen to answer.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from azure.batch import models

from batch_emulator.autoscale.evaluate import evaluate
from batch_emulator.autoscale.samples import View
from batch_emulator.autoscale.syntax import FormulaError

WEDNESDAY_13 = datetime(2026, 1, 21, 13, 0, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Sample:
    time: float
    values: dict


def view(now=WEDNESDAY_13, late=0, current=None, **series):
    """A view with samples every 30 seconds; the last is `late` seconds old."""
    longest = max((len(values) for values in series.values()), default=0)
    samples = []
    for back in reversed(range(longest)):
        values = {name: v[-1 - back] for name, v in series.items() if back < len(v)}
        samples.append(Sample(now - late - 30 * back, values))
    return View(now, {"TargetDedicatedNodes": 0, "TargetLowPriorityNodes": 0, **(current or {})},
                samples)  # fmt: skip


def nodes(formula, seen):
    decision = evaluate(formula, seen)
    return decision.dedicated, decision.spot, decision.deallocation


def values(formula, seen=None):
    results = evaluate(formula, seen or view()).results
    return dict(pair.split("=", 1) for pair in results.split(";"))


PENDING = """
startingNumberOfVMs = 1;
maxNumberofVMs = 25;
pendingTaskSamplePercent = $PendingTasks.GetSamplePercent(180 * TimeInterval_Second);
pendingTaskSamples = pendingTaskSamplePercent < 70 ? startingNumberOfVMs : avg($PendingTasks.GetSample(180 * TimeInterval_Second));
$TargetDedicatedNodes=min(maxNumberofVMs, pendingTaskSamples);
$NodeDeallocationOption = taskcompletion;
"""  # noqa: E501


@pytest.mark.parametrize(
    ("pending", "expected"),
    [([], 1), ([9] * 4, 1), ([3, 3, 3, 6, 6, 6], 4), ([0] * 6, 0), ([40] * 6, 25)],
)
def test_pending_tasks(pending, expected):
    assert nodes(PENDING, view(PendingTasks=pending)) == (expected, 0, "taskcompletion")


PREEMPTED = """
maxNumberofVMs = 25;
$TargetDedicatedNodes = min(maxNumberofVMs, $PreemptedNodeCount.GetSample(180 * TimeInterval_Second));
$TargetLowPriorityNodes = min(maxNumberofVMs , maxNumberofVMs - $TargetDedicatedNodes);
$NodeDeallocationOption = taskcompletion;
"""  # noqa: E501


@pytest.mark.parametrize(
    ("preempted", "expected"), [([0] * 6, (0, 25)), ([4] * 6, (4, 21)), ([30] * 6, (25, 0))]
)
def test_preempted_nodes_are_replaced(preempted, expected):
    assert nodes(PREEMPTED, view(PreemptedNodeCount=preempted))[:2] == expected


PROCESSORS = """
$totalDedicatedNodes =
    (min($CPUPercent.GetSample(TimeInterval_Minute * 10)) > 0.7) ?
    ($CurrentDedicatedNodes * 1.1) : $CurrentDedicatedNodes;
$totalDedicatedNodes =
    (avg($CPUPercent.GetSample(TimeInterval_Minute * 60)) < 0.2) ?
    ($CurrentDedicatedNodes * 0.9) : $totalDedicatedNodes;
$TargetDedicatedNodes = min(400, $totalDedicatedNodes)
"""


@pytest.mark.parametrize(
    ("cpu", "current", "expected"),
    [([0.8] * 120, 20, 22), ([0.5] * 120, 20, 20), ([0.1] * 120, 20, 18), ([0.9] * 120, 390, 400),
     ([0.8] * 119 + [0.6], 20, 20)],
)  # fmt: skip
def test_growing_and_shrinking_with_the_processors(cpu, current, expected):
    seen = view(CPUPercent=cpu, current={"CurrentDedicatedNodes": current})
    assert nodes(PROCESSORS, seen) == (expected, 0, "requeue")


@pytest.mark.parametrize(("day", "expected"), [(19, 5), (20, 1), (25, 1)])
def test_more_on_mondays(day, expected):
    noon = datetime(2026, 1, day, 12, tzinfo=UTC).timestamp()
    assert nodes("$TargetDedicatedNodes = (time().weekday == 1 ? 5:1);", view(noon))[0] == expected


HOURS = """
$curTime = time();
$workHours = $curTime.hour >= 8 && $curTime.hour < 18;
$isWeekday = $curTime.weekday >= 1 && $curTime.weekday <= 5;
$isWorkingWeekdayHour = $workHours && $isWeekday;
$TargetDedicatedNodes = $isWorkingWeekdayHour ? 20:10;
$NodeDeallocationOption = taskcompletion;
"""


@pytest.mark.parametrize(
    ("day", "hour", "expected"),
    [(21, 8, 20), (21, 17, 20), (21, 18, 10), (21, 7, 10), (24, 12, 10)],
)
def test_time_of_the_week(day, hour, expected):
    at = datetime(2026, 1, day, hour, 30, tzinfo=UTC).timestamp()
    assert nodes(HOURS, view(at)) == (expected, 0, "taskcompletion")


def test_another_time_zone():
    shifted = HOURS.replace("time();", "time() + (-6 * TimeInterval_Hour);")
    assert nodes(shifted, view())[0] == 10  # 13:00 UTC is 07:00 there
    assert values(shifted)["$curTime"] == "2026-01-21T07:00:00.000Z"


def test_the_alias_of_the_python_sample():
    sample = HOURS.replace("$TargetDedicatedNodes", "$TargetDedicated")
    assert nodes(sample, view())[0] == 20


def test_what_an_evaluation_reports():
    """The page's own output, at its own time but for the milliseconds."""
    at = datetime(2016, 10, 13, 19, 18, 47, 805000, tzinfo=UTC).timestamp()
    formula = HOURS.replace("$NodeDeallocationOption = taskcompletion;", "")
    assert evaluate(formula, view(at)).results == (
        "$TargetDedicatedNodes=10;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue;"
        "$curTime=2016-10-13T19:18:47.805Z;$isWeekday=1;$isWorkingWeekdayHour=0;$workHours=0"
    )


TASKS = """
// Get pending tasks for the past 15 minutes.
$samples = $PendingTasks.GetSamplePercent(TimeInterval_Minute * 15);
// If we have fewer than 70 percent data points, we use the last sample point,
// otherwise we use the maximum of last sample point and the history average.
$tasks = $samples < 70 ? max(0,$PendingTasks.GetSample(1)) : max( $PendingTasks.GetSample(1), avg($PendingTasks.GetSample(TimeInterval_Minute * 15)));
// If number of pending tasks is not 0, set targetVM to pending tasks, otherwise
// half of current dedicated.
$targetVMs = $tasks > 0? $tasks:max(0, $TargetDedicatedNodes/2);
// The pool size is capped at 20, if target VM value is more than that, set it
// to 20. This value should be adjusted according to your use case.
$TargetDedicatedNodes = max(0, min($targetVMs, 20));
// Set node deallocation mode - let running tasks finish before removing a node
$NodeDeallocationOption = taskcompletion;
"""  # noqa: E501


@pytest.mark.parametrize(
    ("pending", "target", "expected"),
    [([], 0, 0), ([], 7, 3), ([4, 7], 0, 7), ([2] * 30, 0, 2), ([12] * 15 + [6] * 15, 0, 9),
     ([50] * 30, 0, 20), ([0] * 30, 8, 4)],
)  # fmt: skip
def test_task_based_adjustment(pending, target, expected):
    seen = view(PendingTasks=pending, current={"TargetDedicatedNodes": target})
    assert nodes(TASKS, seen) == (expected, 0, "taskcompletion")


def test_the_service_s_own_results_of_that_formula():
    """A real pool of April 2025: 29 of 30 samples were there, and the numbers have six digits."""
    formula = (
        TASKS.split("// The pool size", maxsplit=1)[0]
        + "cappedPoolSize = 3; $TargetDedicatedNodes = max(1, min($targetVMs, cappedPoolSize));"
        "$NodeDeallocationOption = taskcompletion;"
    )
    seen = view(late=30, PendingTasks=[0] * 40, current={"TargetDedicatedNodes": 1})
    assert evaluate(formula, seen).results == (
        "$TargetDedicatedNodes=1;$TargetLowPriorityNodes=0;$NodeDeallocationOption=taskcompletion;"
        "$samples=96.6667;$targetVMs=0.5;$tasks=0;cappedPoolSize=3"
    )


PARALLEL = """
// Determine whether 70 percent of the samples have been recorded in the past
// 15 minutes; if not, use last sample
$samples = $ActiveTasks.GetSamplePercent(TimeInterval_Minute * 15);
$tasks = $samples < 70 ? max(0,$ActiveTasks.GetSample(1)) : max( $ActiveTasks.GetSample(1),avg($ActiveTasks.GetSample(TimeInterval_Minute * 15)));
// Set the number of nodes to add to one-fourth the number of active tasks
$cores = $TargetDedicatedNodes * 4;
$extraVMs = (($tasks - $cores) + 3) / 4;
$targetVMs = ($TargetDedicatedNodes + $extraVMs);
// Attempt to grow the number of compute nodes to match the number of active
// tasks, with a maximum of 3
$TargetDedicatedNodes = max(0,min($targetVMs,3));
// Keep the nodes active until the tasks finish
$NodeDeallocationOption = taskcompletion;
"""  # noqa: E501


@pytest.mark.parametrize(
    ("active", "target", "expected"),
    [([0] * 30, 0, 0), ([5] * 30, 0, 2), ([5] * 30, 1, 2), ([100] * 30, 1, 3), ([0] * 30, 3, 0)],
)
def test_accounting_for_parallel_tasks(active, target, expected):
    seen = view(ActiveTasks=active, current={"TargetDedicatedNodes": target})
    assert nodes(PARALLEL, seen)[0] == expected


def initial(born):
    return f"""
    $TargetDedicatedNodes = 4;
    lifespan         = time() - time("{born}");
    span             = TimeInterval_Minute * 60;
    startup          = TimeInterval_Minute * 10;
    ratio            = 50;

    $TargetDedicatedNodes = (lifespan > startup ? (max($RunningTasks.GetSample(span, ratio), $ActiveTasks.GetSample(span, ratio)) == 0 ? 0 : $TargetDedicatedNodes) : 4);
    """  # noqa: E501


@pytest.mark.parametrize(
    ("born", "running", "expected"),
    [("Wed, 21 Jan 2026 12:55:00 GMT", [], 4), ("Wed, 21 Jan 2026 12:00:00 GMT", [0] * 120, 0),
     ("Wed, 21 Jan 2026 12:00:00 GMT", [0] * 119 + [1], 4), ("2026-01-21T12:00Z", [0] * 60, 0)],
)  # fmt: skip
def test_an_initial_size(born, running, expected):
    seen = view(RunningTasks=running, ActiveTasks=[0] * len(running))
    assert nodes(initial(born), seen)[0] == expected


def test_an_initial_size_without_half_of_the_samples():
    seen = view(RunningTasks=[0] * 59, ActiveTasks=[0] * 59)
    with pytest.raises(FormulaError) as caught:
        evaluate(initial("Wed, 21 Jan 2026 12:00:00 GMT"), seen)
    assert caught.value.code == "InsufficientSampleData"
    assert "$RunningTasks wanted 50%, received 49.1667%" in str(caught.value)


REFERENCE = (
    "totalNodes=($CPUPercent.GetSamplePercent(TimeInterval_Minute*0,TimeInterval_Minute*10)<0.7?5:"
    "(min($CPUPercent.GetSample(TimeInterval_Minute*0, TimeInterval_Minute*10))>0.8?"
    "($CurrentDedicated*1.1):$CurrentDedicated));$targetDedicatedNodes=min(100,totalNodes);"
)


@pytest.mark.parametrize(("cpu", "expected"), [([], 5), ([0.9] * 20, 11), ([0.9] * 19 + [0.8], 10)])
def test_the_formula_of_the_reference(cpu, expected):
    """Its names are old aliases, and one begins in lower case."""
    seen = view(CPUPercent=cpu, current={"CurrentDedicatedNodes": 10})
    assert nodes(REFERENCE, seen)[0] == expected


def test_an_evaluation_that_resizes_nothing():
    seen = view(current={"CurrentDedicatedNodes": 3})
    assert nodes("$TargetDedicatedNodes = $CurrentDedicatedNodes;", seen)[0] == 3


def test_samples_from_one_minute_ago_to_six():
    formula = """$runningTasksSample = $RunningTasks.GetSample(1 * TimeInterval_Minute, 6 * TimeInterval_Minute);"""  # noqa: E501
    seen = view(RunningTasks=[9] * 3 + [1] * 10 + [7] * 2)
    assert values(formula, seen)["$runningTasksSample"] == "[1,1,1,1,1,1,1,1,1,1]"


@pytest.mark.parametrize(("there", "enough"), [(3, False), (4, True)])
def test_a_percentage_that_has_to_be_there(there, enough):
    formula = """$runningTasksSample = $RunningTasks.GetSample(60 * TimeInterval_Second, 180 * TimeInterval_Second, 100);"""  # noqa: E501
    seen = view(late=60, RunningTasks=[1] * there)
    if enough:
        assert values(formula, seen)["$runningTasksSample"] == "[1,1,1,1]"
    else:
        with pytest.raises(FormulaError, match=r"wanted 100%, received 75%"):
            evaluate(formula, seen)


@pytest.mark.parametrize(
    ("percent", "result"), [("", "18"), (", 80", "18"), (", 90", "18"), (", 95", None)]
)
def test_ten_minutes_of_which_the_last_is_not_there_yet(percent, result):
    """The page's own numbers: 18 of 20 samples, which 95 percent refuses and 80 does not."""
    formula = f"x = len($CPUPercent.GetSample(TimeInterval_Minute * 10{percent}));"
    seen = view(late=60, CPUPercent=[0.5] * 40)
    if result is None:
        with pytest.raises(FormulaError, match=r"\$CPUPercent wanted 95%, received 90%"):
            evaluate(formula, seen)
    else:
        assert values(formula, seen)["x"] == result


def test_lists_become_one_vector():
    v = "v = $PendingTasks.GetSample(3);"
    seen = view(PendingTasks=[1, 2, 3])
    assert (
        values(f"{v} a = avg(v); b = avg(1,2,3); c = avg(v, 7); d = avg(1,2,3,7);", seen)["c"]
        == "3.25"
    )
    assert values(f"{v} a = avg(v) == avg(1,2,3);", seen)["a"] == "1"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("avg(v)", "2"),
        ("len(v, v)", "6"),
        ("lg(8)", "3"),
        ("lg(v)", "[0,1,1.58496]"),
        ("ln(1)", "0"),
        ("ln(v)", "[0,0.693147,1.09861]"),
        ("log(100)", "2"),
        ("log(10, 100)", "[1,2]"),
        ("max(v, 9)", "9"),
        ("min(v, 9)", "1"),
        ("norm(3, 4)", "5"),
        ("percentile(v, 0)", "1"),
        ("percentile(v, 100)", "3"),
        ("rand() < 1 && rand() >= 0", "1"),
        ("range(v)", "2"),
        ("round(2.5)", "3"),
        ("ceil(2.1) + floor(2.9)", "5"),
        ("std(v)", "1"),
        ("sum(v, 4)", "10"),
        ("val(v, 0)", "1"),
        ("val(v, 2)", "3"),
        ("time('1970-01-02')", "1970-01-02T00:00:00.000Z"),
        ("time('1970')", "1970-01-01T00:00:00.000Z"),
        ("time('1970-02')", "1970-02-01T00:00:00.000Z"),
        ("time('1970-01-01T02:30+02:00')", "1970-01-01T00:30:00.000Z"),
        ("time('1970-01-01T00:00:01.25Z')", "1970-01-01T00:00:01.250Z"),
        ("time('Thu, 01 Jan 1970 00:00:10 GMT')", "1970-01-01T00:00:10.000Z"),
        ("time('') == time()", "1"),
        ("v + 1", "[2,3,4]"),
        ("v * v - v", "[0,2,6]"),
        ("v / 2", "[0.5,1,1.5]"),
        ("2 * TimeInterval_Minute", "120s"),
        ("TimeInterval_Hour / 2 == 30 * TimeInterval_Minute", "1"),
        ("-TimeInterval_Hour < TimeInterval_Zero", "1"),
        ("TimeInterval_Week - 7 * TimeInterval_Day", "0s"),
        ("TimeInterval_Millisecond > TimeInterval_Microsecond", "1"),
        ("TimeInterval_Microsecond / 10 == TimeInterval_100ns", "1"),
        ("TimeInterval_Second * 3600 != TimeInterval_Hour", "0"),
        ("TimeInterval_Year > 52 * TimeInterval_Week", "1"),
        ("TimeInterval_Day + time('1970-01-01')", "1970-01-02T00:00:00.000Z"),
        ("time('1970-01-02') - time('1970-01-01') == TimeInterval_Day", "1"),
        ("'abc' < 'abd' && 'b' >= 'a' && 'a' != 'b'", "1"),
        ("!0 + !5", "1"),
        ("0.1 + 0.2", "0.3"),
        ("1234567", "1.23457e+06"),
    ],
)
def test_operators_and_functions(expression, expected):
    formula = f"v = $PendingTasks.GetSample(3); x = {expression};"
    assert values(formula, view(PendingTasks=[1, 2, 3]))["x"] == expected


@pytest.mark.parametrize(
    "expression",
    ["2 + v", "v + w", "v < 2", "TimeInterval_Hour / TimeInterval_Minute", "time() + time()",
     "time() - TimeInterval_Hour", "TimeInterval_Hour * TimeInterval_Hour", "'a' + 'b'",
     "time() < TimeInterval_Hour", "1 == 'a'", "5 / TimeInterval_Hour", "1 + TimeInterval_Hour",
     "-time()", "!'a'", "val(v, 3)", "time('tomorrow')", "max('a')", "lg(0)", "v && 1",
     "$PendingTasks.GetSample()", "$PendingTasks.GetSample('a')", "$PendingTasks.GetSample(v)",
     "$PendingTasks.GetSamplePercent(TimeInterval_Hour, 5)", "$PendingTasks.Count(1)",
     "v.GetSample(1)", "$WallClockSeconds", "$PendingTasks.Explode()"],
)  # fmt: skip
def test_what_the_table_of_operations_does_not_have(expression):
    formula = f"v = $PendingTasks.GetSample(3); w = $PendingTasks.GetSample(2); x = {expression};"
    with pytest.raises(FormulaError) as caught:
        evaluate(formula, view(PendingTasks=[1, 2, 3]))
    assert caught.value.code == "AutoScalingFormulaEvaluationError"


@pytest.mark.parametrize(
    ("formula", "place"),
    [("$RunningTasks.GetSample(TimeInterval_Minute, 100)", "Line 1, Col 24: "),
     ("\n\nsamplevecavg = avg($PendingTasks.GetSample(TimeInterval_Day, 70))", "Line 3, Col 43: "),
     ("x = 1;\n  y = nothing + 1;", "Line 2, Col 7: "), ("x = 1 / 0", "Line 1, Col 7: ")],
)  # fmt: skip
def test_where_it_went_wrong(formula, place):
    """As the service points to it: at the parenthesis that opens a method's arguments."""
    with pytest.raises(FormulaError) as caught:
        evaluate(formula, view())
    assert caught.value.detail(formula).startswith(place)


def test_stop_leaves_what_there_is():
    formula = "$TargetDedicatedNodes = 2; stop(); $TargetDedicatedNodes = 1 / 0;"
    assert nodes(formula, view())[0] == 2
    assert nodes("x = 1 ? stop() : 0; $TargetDedicatedNodes = 5;", view())[0] == 0


def test_a_full_name_goes_before_its_alias():
    formula = "$TargetDedicatedNodes = 3; $TargetDedicated = 9; $TargetLowPriority = 4;"
    assert nodes(formula, view())[:2] == (3, 4)
    assert nodes("$TargetDedicated = 9; $TargetDedicatedNodes = 3;", view())[0] == 3


def test_nodes_are_whole():
    """Azure/Batch issue 151: 2.9 is truncated to 2."""
    seen = view(PendingTasks=[4], current={"TaskSlotsPerNode": 2, "PendingTasks": 4})
    assert nodes("$TargetDedicatedNodes = $PendingTasks / $TaskSlotsPerNode + 0.9", seen)[0] == 2


@pytest.mark.parametrize("option", ["requeue", "terminate", "taskcompletion", "retaineddata"])
def test_deallocation_options(option):
    assert nodes(f"$NodeDeallocationOption = {option};", view())[2] == option


def test_a_failed_evaluation_tells_what_it_knew():
    with pytest.raises(FormulaError) as caught:
        evaluate("b = 2; a = 1; c = 1 / 0;", view(current={"TargetDedicatedNodes": 2}))
    assert caught.value.results == (
        "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue;a=1;b=2"
    )


EVALUATE = models.BatchPoolEvaluateAutoScaleOptions


def scaled(batch, formula="$TargetDedicatedNodes = 0;", **more):
    return batch.pool(
        enableAutoScale=True, autoScaleFormula=formula, autoScaleEvaluationInterval="PT5M", **more
    )


def test_the_service_s_answer_to_nonsense(batch):
    """As recorded in the tests of Azure's SDK for JavaScript: 200, with an error inside."""
    pool = scaled(batch, "$TargetDedicatedNodes = 1;")
    batch.until(lambda: batch.client.get_pool(pool).target_dedicated_nodes == 1)
    run = batch.client.evaluate_pool_auto_scale(
        pool, EVALUATE(auto_scale_formula="$something_useless")
    )
    assert run.error.code == "AutoScalingFormulaEvaluationError"
    assert run.results == (
        "$TargetDedicatedNodes=1;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue"
    )
    detail = run.error.error_values[0]
    assert (detail.name, detail.value[:16]) == ("Message", "Line 1, Col 1: $")


def test_too_few_samples_are_told_as_the_service_does(batch):
    pool = scaled(batch)
    formula = "$TargetDedicatedNodes=$RunningTasks.GetSample(600 * TimeInterval_Hour, 100);"
    run = batch.client.evaluate_pool_auto_scale(pool, EVALUATE(auto_scale_formula=formula))
    assert run.error.code == "InsufficientSampleData"
    assert run.error.message == "Autoscale evaluation failed due to insufficient sample data"
    assert run.error.error_values[0].value.startswith(
        "Line 1, Col 46: Insufficient data from data set: $RunningTasks wanted 100%, received"
    )


@pytest.mark.parametrize("formula", ["1 +", "$TargetDedicatedNodes = (1;", "x = 1;" * 101, "#"])
def test_what_cannot_be_read_is_refused(batch, refused, formula):
    pool = scaled(batch)
    options = EVALUATE(auto_scale_formula=formula)
    error = refused(lambda: batch.client.evaluate_pool_auto_scale(pool, options))
    assert (error.status_code, error.error.code) == (400, "AutoScalingFormulaSyntaxError")


def test_samples_come_every_30_seconds_and_are_seen_a_period_later(emulator):
    batch = emulator("--boot-time=0.05")
    pool = scaled(batch)
    formula = (
        "n = $PendingTasks.Count(); p = $PendingTasks.GetSamplePercent(TimeInterval_Minute * 15);"
    )

    def ask():
        run = batch.client.evaluate_pool_auto_scale(pool, EVALUATE(auto_scale_formula=formula))
        return dict(pair.split("=") for pair in run.results.split(";"))

    assert (ask()["n"], ask()["p"]) == ("0", "0")
    batch.running.admin.advance(timedelta(minutes=30))
    assert ask()["n"] in ("58", "59")
    assert ask()["p"] == "96.6667"


def test_processors_are_measured_where_there_are_nodes(emulator):
    batch = emulator("--boot-time=0.05")
    busy, empty = scaled(batch, "$TargetDedicatedNodes = 1;"), scaled(batch)
    batch.ready(busy, 1)
    batch.running.admin.advance(timedelta(minutes=5))
    formula = "n = $CPUPercent.Count(); c = max($CPUPercent.GetSample(TimeInterval_Minute * 5));"

    def ask(pool):
        run = batch.client.evaluate_pool_auto_scale(pool, EVALUATE(auto_scale_formula=formula))
        return dict(pair.split("=") for pair in run.results.split(";"))

    assert int(ask(busy)["n"]) >= 8
    assert 0 <= float(ask(busy)["c"]) <= 1
    assert ask(empty)["n"] == "0"


@pytest.mark.parametrize(
    ("expression", "value"),
    [("+".join(["1"] * 4000), 4000), ("-" * 8000 + "7", 7), ("!" * 8001 + "0", 1),
     ("&&".join(["1"] * 2600), 1), ("||".join(["0"] * 2600), 0),
     ("0?1:" * 50 + "3", 3)],
)  # fmt: skip
def test_a_long_chain_takes_no_deep_stack(expression, value):
    assert nodes(f"$TargetDedicatedNodes={expression};", view())[0] == value


def test_a_long_chain_of_members_is_an_error_like_a_short_one():
    with pytest.raises(FormulaError, match=r"no \.a"):
        evaluate("$TargetDedicatedNodes=time()" + ".a" * 4000 + ";", view())
