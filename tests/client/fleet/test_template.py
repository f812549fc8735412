"""Pool templates: read, carried over to the data plane, refused where something would be lost."""

import copy
import json

import pytest

from scenefleet.errors import FleetError
from scenefleet.fleet.template import (
    PoolTemplate,
    load_template,
    to_data_plane,
)

IMAGE = "example.azurecr.io/scenefleet-task@sha256:" + "0" * 64
IDENTITY = (
    "/subscriptions/0/resourceGroups/g/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/nodes"
)


def _with(**changes):
    properties = copy.deepcopy(dict(load_template("spot").properties))
    for path, value in changes.items():
        *way, last = path.split("__")
        place = properties
        for step in way:
            place = place.setdefault(step, {})
        place[last] = value
    return PoolTemplate(name="mine", source="mine.pool.json", properties=properties)


def _machine(**changes):
    start = "deploymentConfiguration__virtualMachineConfiguration__"
    return _with(**{start + path: value for path, value in changes.items()})


def _fixed(**targets):
    return _with(scaleSettings={"fixedScale": targets})


# --- what the data plane is sent ---------------------------------------------------------------


def test_the_spot_template_as_the_data_plane_spells_it():
    body = to_data_plane(load_template("spot"), pool_id="p1", image=IMAGE, max_nodes=3)
    formula = body.pop("autoScaleFormula")
    assert body == {
        "id": "p1",
        "displayName": "scenefleet, Spot nodes",
        "vmSize": "STANDARD_D4DS_V5",
        "taskSlotsPerNode": 4,
        "taskSchedulingPolicy": {"nodeFillType": "pack"},
        "enableInterNodeCommunication": False,
        "enableAutoScale": True,
        "autoScaleEvaluationInterval": "PT5M",
        "metadata": [
            {"name": "made-by", "value": "scenefleet"},
            {"name": "template", "value": "spot"},
        ],
        "virtualMachineConfiguration": {
            "imageReference": {
                "publisher": "microsoft-dsvm",
                "offer": "ubuntu-hpc",
                "sku": "2404",
                "version": "latest",
            },
            "nodeAgentSKUId": "batch.node.ubuntu 24.04",
            "osDisk": {
                "caching": "readonly",
                "ephemeralOSDiskSettings": {"placement": "cachedisk"},
            },
            "containerConfiguration": {
                "type": "dockerCompatible",
                "containerImageNames": [IMAGE],
            },
        },
    }
    assert "\nmaxNodes = 3;\n" in formula
    assert "20" not in formula
    assert "$TargetLowPriorityNodes = wantedNodes" in formula


def test_the_dedicated_template_asks_for_no_spot_node():
    formula = to_data_plane(load_template("dedicated"), pool_id="p")["autoScaleFormula"]
    assert "$TargetDedicatedNodes = wantedNodes;" in formula
    assert "$TargetLowPriorityNodes = 0;" in formula


# --- greatest number of nodes ------------------------------------------------------------------


def test_max_nodes_lowers_the_cap_and_never_raises_it():
    def cap(max_nodes):
        body = to_data_plane(load_template("spot"), pool_id="p", max_nodes=max_nodes)
        return [line for line in body["autoScaleFormula"].splitlines() if "maxNodes =" in line]

    assert cap(None) == ["maxNodes = 20;"]
    assert cap(7) == ["maxNodes = 7;"]
    assert cap(500) == ["maxNodes = 20;"]


@pytest.mark.parametrize(
    ("dedicated", "spot", "max_nodes", "expected"),
    [(5, 10, None, (5, 10)), (5, 10, 12, (5, 7)), (5, 10, 3, (3, 0)), (0, 2, 9, (0, 2))],
)
def test_max_nodes_lowers_fixed_targets_spot_first(dedicated, spot, max_nodes, expected):
    template = _fixed(targetDedicatedNodes=dedicated, targetLowPriorityNodes=spot)
    body = to_data_plane(template, pool_id="p", max_nodes=max_nodes)
    assert (body["targetDedicatedNodes"], body["targetLowPriorityNodes"]) == expected
    assert body["enableAutoScale"] is False
    assert "autoScaleFormula" not in body


def test_a_formula_without_a_cap_cannot_be_capped():
    template = _with(scaleSettings={"autoScale": {"formula": "$TargetDedicatedNodes = 900;"}})
    assert "900" in to_data_plane(template, pool_id="p")["autoScaleFormula"]
    with pytest.raises(FleetError, match="no line 'maxNodes = <number>;'"):
        to_data_plane(template, pool_id="p", max_nodes=5)


def test_fewer_than_one_node_is_refused():
    with pytest.raises(FleetError, match="max_nodes is 0; it must be 1 or more"):
        to_data_plane(load_template("spot"), pool_id="p", max_nodes=0)


# --- image and identity ------------------------------------------------------------------------


def test_without_an_image_tasks_run_on_the_node_itself():
    body = to_data_plane(load_template("spot"), pool_id="p")
    assert "containerConfiguration" not in body["virtualMachineConfiguration"]


def test_an_image_in_the_template_stays():
    template = _machine(
        containerConfiguration={"type": "DockerCompatible", "containerImageNames": ["a/b:1"]}
    )
    body = to_data_plane(template, pool_id="p")
    assert body["virtualMachineConfiguration"]["containerConfiguration"] == {
        "type": "dockerCompatible",
        "containerImageNames": ["a/b:1"],
    }


def test_a_registry_by_identity():
    body = to_data_plane(
        load_template("spot"), pool_id="p", image=IMAGE, registry_identity=IDENTITY
    )
    container = body["virtualMachineConfiguration"]["containerConfiguration"]
    assert container["containerRegistries"] == [
        {"registryServer": "example.azurecr.io", "identityReference": {"resourceId": IDENTITY}}
    ]


@pytest.mark.parametrize("image", [None, "scenefleet-task:1", "library/python:3.13"])
def test_an_identity_needs_to_know_its_registry(image):
    with pytest.raises(FleetError, match="must begin with the registry"):
        to_data_plane(load_template("spot"), pool_id="p", image=image, registry_identity=IDENTITY)


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "path"),
    [
        (_with(identity={"type": "UserAssigned"}), "identity"),
        (_with(tags={"cost": "x"}), "tags"),
        (_with(vmsize="s"), "vmsize"),
        (_with(mountConfiguration=[]), "mountConfiguration"),
        (_with(deploymentConfiguration__cloudServiceConfiguration={}), "cloudServiceConfiguration"),
        (_machine(nodeAgentSKUId="x"), "nodeAgentSKUId"),
        (
            _machine(
                containerConfiguration={
                    "type": "DockerCompatible",
                    "containerRegistries": [{"username": "u", "password": "hunter2"}],
                }
            ),
            r"containerRegistries\[0\].username",
        ),
        (_fixed(nodeDeallocationOption="TaskCompletion"), "fixedScale.nodeDeallocationOption"),
        (_with(startTask={"commandLine": "true", "resourceFiles": []}), "startTask.resourceFiles"),
    ],
)
def test_nothing_is_dropped_in_silence(template, path):
    with pytest.raises(FleetError, match=rf"{path} cannot be carried over.*deploy.*Bicep") as error:
        to_data_plane(template, pool_id="p")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (_with(scaleSettings={}), "holds nothing; it must hold either"),
        (
            _with(scaleSettings={"autoScale": {}, "fixedScale": {}}),
            "autoScale, fixedScale; it must",
        ),
        (_with(scaleSettings={"autoScale": {}}), "has no formula"),
        (_with(interNodeCommunication="Maybe"), "'Maybe'; it may be Enabled or Disabled"),
        (
            _with(taskSchedulingPolicy="Pack"),
            "taskSchedulingPolicy is 'Pack'; it must be an object",
        ),
        (_with(metadata={"a": "b"}), "metadata must be a list"),
        (_with(taskSlotsPerNode=[4]), "taskSlotsPerNode must be a plain value"),
        (_with(deploymentConfiguration={}), "virtualMachineConfiguration is None"),
    ],
)
def test_what_cannot_be_a_pool_is_said(template, message):
    with pytest.raises(FleetError, match=message):
        to_data_plane(template, pool_id="p")


def test_the_template_itself_is_left_as_it_was():
    template = load_template("spot")
    before = copy.deepcopy(dict(template.properties))
    to_data_plane(template, pool_id="p", image=IMAGE, registry_identity=IDENTITY, max_nodes=1)
    assert template.properties == before


# --- reading -----------------------------------------------------------------------------------


def test_a_file_is_a_template_named_after_it(tmp_path):
    path = tmp_path / "big.pool.json"
    path.write_text(json.dumps(load_template("spot").properties))
    template = load_template(path)
    assert (template.name, template.source) == ("big", str(path))
    assert load_template(str(path)) == template


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON: it breaks off after 1 character$"),
        ('{"a" 1}', r"not JSON: a colon is missing \(line 1, character 6\)"),
        ("[]", "must be an object"),
        ('{"properties": {}}', "the object under its key 'properties' alone"),
        ('{"vmSize": "s"}', "has no 'deploymentConfiguration'"),
        ("{}", "has no 'vmSize'"),
    ],
)
def test_a_file_that_is_no_template(tmp_path, content, message):
    path = tmp_path / "x.pool.json"
    path.write_text(content)
    with pytest.raises(FleetError, match=message) as error:
        load_template(path)
    assert str(path) in str(error.value)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "x.pool.json"
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(FleetError, match="it is not UTF-8 text"):
        load_template(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FleetError, match=r"No such file.*packaged names: dedicated, spot"):
        load_template(tmp_path / "none.pool.json")


def test_a_name_that_is_not_packaged():
    with pytest.raises(FleetError, match=r"did you mean 'spot'.*Packaged are dedicated, spot"):
        load_template("sport")
