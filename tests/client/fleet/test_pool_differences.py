"""A pool that exists, compared with the pool that is wanted."""

import copy

import pytest

from scenefleet.fleet.template import differences, load_template, to_data_plane

WANTED = to_data_plane(load_template("spot"), pool_id="p", image="example.azurecr.io/t:1")
STARTED = {**WANTED, "startTask": {"commandLine": "fetch secret-1", "waitForSuccess": True}}


def _answered(body):
    """As the service answers: in its own case, with what it adds, without what is off."""
    pool = copy.deepcopy(body)
    pool["vmSize"] = pool["vmSize"].lower()
    del pool["enableInterNodeCommunication"]
    pool["virtualMachineConfiguration"]["imageReference"]["exactVersion"] = "24.4.1"
    pool["virtualMachineConfiguration"]["nodePlacementConfiguration"] = {"policy": "regional"}
    pool["metadata"].reverse()
    pool["autoScaleFormula"] = pool["autoScaleFormula"].replace("\n", "\r\n").strip()
    pool |= {
        "state": "active",
        "allocationState": "steady",
        "currentLowPriorityNodes": 3,
        "targetLowPriorityNodes": 3,
        "autoScaleEvaluationInterval": "PT300S",
        "resizeTimeout": "PT15M",
        "startTask": None,
    }
    return pool


def test_the_pool_as_the_service_answers_it_does_not_differ():
    assert differences(WANTED, _answered(WANTED)) == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (
            "vmSize",
            "standard_d8ds_v5",
            "vmSize: the pool has standard_d8ds_v5, the template says STANDARD_D4DS_V5",
        ),
        ("taskSlotsPerNode", 5, "taskSlotsPerNode: the pool has 5, and here 4 is the most"),
        ("enableAutoScale", False, "enableAutoScale: the pool has False, the template says True"),
        (
            "autoScaleEvaluationInterval",
            "PT15M",
            "autoScaleEvaluationInterval: the pool has PT15M, the template says PT5M",
        ),
        (
            "virtualMachineConfiguration.containerConfiguration.containerImageNames",
            ["example.azurecr.io/T:1"],
            "virtualMachineConfiguration.containerConfiguration.containerImageNames[0]: the pool "
            "has example.azurecr.io/T:1, the template says example.azurecr.io/t:1",
        ),
        (
            "virtualMachineConfiguration.containerConfiguration",
            None,
            "virtualMachineConfiguration.containerConfiguration: the pool has none, the template "
            "says something else",
        ),
        (
            "metadata",
            [{"name": "made-by", "value": "scenefleet"}, {"name": "template", "value": "mine"}],
            "metadata.template.value: the pool has mine, the template says spot",
        ),
        ("metadata", [], "metadata.made-by: the pool has none, the template says something else"),
    ],
)
def test_a_difference_is_told(path, value, expected):
    pool = _answered(WANTED)
    *way, last = path.split(".")
    place = pool
    for step in way:
        place = place[step]
    place[last] = value
    assert expected in differences(WANTED, pool)


@pytest.mark.parametrize("slots", [1, 3, None])
def test_fewer_tasks_on_a_node_will_do(slots):
    pool = _answered(WANTED)
    pool["taskSlotsPerNode"] = slots
    assert differences(WANTED, pool) == []


def test_of_a_formula_only_the_lines_that_differ_are_told():
    pool = _answered(to_data_plane(load_template("spot"), pool_id="p", max_nodes=5, image="a.b/c"))
    told = [line for line in differences(WANTED, pool) if line.startswith("autoScaleFormula")]
    assert told == [
        "autoScaleFormula: the pool has maxNodes = 5;, the template says maxNodes = 20;"
    ]


def test_something_the_template_does_not_have_is_a_difference():
    assert differences(WANTED, {**WANTED, "startTask": {"commandLine": "true"}}) == [
        "startTask: the pool has it, the template does not"
    ]
    without = to_data_plane(load_template("spot"), pool_id="p")
    assert differences(without, WANTED) == [
        "virtualMachineConfiguration.containerConfiguration: the pool has it, the template does not"
    ]


def test_what_a_start_task_says_is_not_repeated():
    other = copy.deepcopy(STARTED)
    other["startTask"]["commandLine"] = "fetch secret-2"
    (told,) = differences(STARTED, other)
    assert told.startswith("startTask.commandLine: not the same")
    assert "secret" not in told.replace("secrets", "")
