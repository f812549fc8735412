"""What the templates' formulas ask for, as the emulator evaluates them."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from batch_emulator.autoscale.evaluate import View, evaluate

FOLDER = Path(__file__).resolve().parents[2] / "pool_templates"
NOW = 1_800_000_000.0


@dataclass(frozen=True)
class Sample:
    time: float
    values: dict[str, float]


def _wanted(kind, *, pending, nodes=0, minutes=10.0, change=("", "")):
    """Dedicated and Spot nodes asked for, with `minutes` of samples of so many pending tasks."""
    template = json.loads((FOLDER / f"{kind}.pool.json").read_text(encoding="utf-8"))
    formula = template["scaleSettings"]["autoScale"]["formula"]
    assert change[0] in formula
    current = {
        "TaskSlotsPerNode": float(template["taskSlotsPerNode"]),
        "PendingTasks": float(pending),
        "CurrentDedicatedNodes": float(nodes if kind == "dedicated" else 0),
        "CurrentLowPriorityNodes": float(nodes if kind == "spot" else 0),
        "TargetDedicatedNodes": 0.0,
        "TargetLowPriorityNodes": 0.0,
    }
    count = int(minutes * 2)
    samples = [Sample(NOW - 30.0 * age, current) for age in range(count, 0, -1)]
    decision = evaluate(formula.replace(*change), View(NOW, current, samples))
    assert decision.deallocation == "taskcompletion"
    return decision.dedicated, decision.spot


@pytest.mark.parametrize(
    ("pending", "nodes"), [(0, 0), (1, 1), (4, 1), (5, 2), (79, 20), (80, 20), (9999, 20)]
)
def test_a_node_for_every_four_tasks_up_to_the_cap(pending, nodes):
    assert _wanted("spot", pending=pending) == (0, nodes)
    assert _wanted("dedicated", pending=pending) == (nodes, 0)


@pytest.mark.parametrize(("nodes", "kept"), [(0, 1), (7, 7), (50, 20)])
def test_with_too_few_samples_it_keeps_what_there_is(nodes, kept):
    for minutes in (0.0, 1.0):
        assert _wanted("spot", pending=400, nodes=nodes, minutes=minutes) == (0, kept)
        assert _wanted("dedicated", pending=400, nodes=nodes, minutes=minutes) == (kept, 0)


def test_some_of_the_spot_pool_can_be_dedicated():
    change = ("minDedicated = 0;", "minDedicated = 3;")
    assert _wanted("spot", pending=40, change=change) == (3, 7)
    assert _wanted("spot", pending=8, change=change) == (2, 0)
    assert _wanted("spot", pending=0, change=change) == (0, 0)
