"""The templates as the resource manager sees them, and the Bicep files that use them."""

import copy
import json
import re
from pathlib import Path

import jsonschema
import pytest
import tree_sitter
import tree_sitter_bicep

from scenefleet.fleet.machine import vm_machine
from scenefleet.fleet.slots import slots_of
from scenefleet.recipe import Resources
from scenefleet.settings import AzureSettings

FOLDER = Path(__file__).resolve().parents[2] / "pool_templates"
TEMPLATES = sorted(FOLDER.glob("*.pool.json"))
BICEP = sorted(FOLDER.glob("*.bicep"))
EXPRESSION = "https://schema.management.azure.com/schemas/common/definitions.json"


@pytest.fixture(scope="module")
def arm_schema(need):
    """The published schema of a pool's `properties`, made to refuse keys that it does not list."""
    path = need("shared") / "reference/arm-Microsoft.Batch-2025-06-01.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    definitions = {name: _closed(value) for name, value in schema["definitions"].items()}
    return {"$ref": "#/definitions/PoolProperties", "definitions": definitions}


def _closed(schema):
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema["properties"]:
        closed["additionalProperties"] = False
    if "oneOf" in closed:
        # templates hold values, never expressions such as "[parameters('x')]"
        closed["oneOf"] = [
            option
            for option in closed["oneOf"]
            if not option.get("$ref", "").startswith(EXPRESSION)
        ]
    return closed


def _template(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_there_are_two_templates():
    assert [path.name for path in TEMPLATES] == ["dedicated.pool.json", "spot.pool.json"]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_is_what_the_resource_manager_takes(path, arm_schema):
    jsonschema.Draft4Validator(arm_schema).validate(_template(path))


def test_the_schema_refuses_a_typo_and_a_value_of_the_data_plane(arm_schema):
    good = _template(TEMPLATES[0])
    validator = jsonschema.Draft4Validator(arm_schema)
    for way, value in (
        (("vmSise",), "s"),
        (("deploymentConfiguration", "virtualMachineConfiguration", "nodeAgentSKUId"), "x"),
        (("scaleSettings", "autoScale", "formular"), "x"),
        (("taskSchedulingPolicy", "nodeFillType"), "pack"),
    ):
        bad = copy.deepcopy(good)
        place = bad
        for step in way[:-1]:
            place = place[step]
        place[way[-1]] = value
        assert not validator.is_valid(bad), way


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_is_a_good_pool(path):
    template = _template(path)
    machine = template["deploymentConfiguration"]["virtualMachineConfiguration"]
    scale = template["scaleSettings"]["autoScale"]
    formula = scale["formula"]
    assert machine["imageReference"]["sku"] == "2404"
    assert machine["nodeAgentSkuId"] == "batch.node.ubuntu 24.04"
    assert machine["osDisk"]["ephemeralOSDiskSettings"] == {"placement": "CacheDisk"}
    assert re.fullmatch(r"STANDARD_[DE]\d+A?DS_V[56]", template["vmSize"]), "needs a cache disk"
    assert template["interNodeCommunication"] == "Disabled"
    node, most = vm_machine(template["vmSize"]), template["taskSlotsPerNode"]
    assert node.memory, "the client could not tell how many tasks fit"
    assert slots_of(node, Resources(), most=most).count == most
    assert "samplePercent < 70 ?" in formula
    assert "$NodeDeallocationOption = taskcompletion;" in formula
    assert scale["evaluationInterval"] == "PT5M"
    # limits of the service: 8 KB, 100 statements
    assert len(formula.encode()) < 8192
    assert formula.count(";") < 100
    assert "password" not in path.read_text(encoding="utf-8").lower()


# --- Bicep -------------------------------------------------------------------------------------


def _errors(source):
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))
    waiting, found = [parser.parse(source).root_node], []
    while waiting:
        node = waiting.pop()
        if node.is_error or node.is_missing:
            found.append((node.start_point.row + 1, node.text[:60]))
        waiting += node.children
    return found


@pytest.mark.parametrize("path", BICEP, ids=lambda path: path.name)
def test_bicep_parses(path):
    source = path.read_bytes()
    assert _errors(source) == []
    broken = source.replace(b"\nresource ", b"\nresource = ", 1)
    assert _errors(broken), "the parser would let anything pass"


def test_bicep_refers_to_files_that_are_there_and_to_every_template():
    main = (FOLDER / "main.bicep").read_text(encoding="utf-8")
    loaded = re.findall(r"loadJsonContent\('([^']+)'\)", main)
    assert sorted(loaded) == [path.name for path in TEMPLATES]
    modules = re.findall(r"^module \w+ '([^']+)'", main, re.MULTILINE)
    assert modules
    assert all((FOLDER / name).is_file() for name in modules)


def test_bicep_lowers_the_cap_that_the_templates_have():
    main = (FOLDER / "main.bicep").read_text(encoding="utf-8")
    (line,) = re.findall(r"'(maxNodes = \d+;)'", main)
    for path in TEMPLATES:
        assert line in _template(path)["scaleSettings"]["autoScale"]["formula"].splitlines()


def test_bicep_never_raises_the_tasks_on_a_node():
    main = (FOLDER / "main.bicep").read_text(encoding="utf-8")
    assert "taskSlotsPerNode: min(taskSlots, template.properties.taskSlotsPerNode)" in main
    (given,) = re.findall(r"^param taskSlots int = (\d+)$", main, re.MULTILINE)
    assert {_template(path)["taskSlotsPerNode"] for path in TEMPLATES} == {int(given)}


def test_bicep_gives_pools_the_names_that_the_client_looks_for():
    main = (FOLDER / "main.bicep").read_text(encoding="utf-8")
    assert "name: 'scenefleet-${template.name}'" in main
    assert re.findall(r"name: '(\w+)'\n    properties: loadJsonContent", main) == [
        "spot",
        "dedicated",
    ]


def test_what_bicep_tells_is_what_the_settings_ask_for():
    main = (FOLDER / "main.bicep").read_text(encoding="utf-8")
    told = set(re.findall(r"^output (\w+)", main, re.MULTILINE))
    assert told - {"store"} <= set(AzureSettings.model_fields)
    assert {"batch_endpoint", "identity_client_id", "identity_resource_id"} <= told


def test_bicep_names_each_resource_that_it_uses():
    main = (FOLDER / "main.bicep").read_text(encoding="utf-8")
    declared = set(re.findall(r"^(?:param|var|resource|module) (\w+)", main, re.MULTILINE))
    used = set(re.findall(r"(?:scope|parent): (\w+)$", main, re.MULTILINE))
    used |= {
        name for names in re.findall(r"dependsOn: \[(.*)\]", main) for name in names.split(", ")
    }
    assert used
    assert used <= declared


def test_the_example_gives_every_parameter_that_has_no_default():
    main = (FOLDER / "main.bicep").read_text(encoding="utf-8")
    example = (FOLDER / "main.bicepparam").read_text(encoding="utf-8")
    declared = dict(re.findall(r"^param (\w+) \w+( =)?", main, re.MULTILINE))
    given = set(re.findall(r"^param (\w+) =", example, re.MULTILINE))
    needed = {name for name, default in declared.items() if not default}
    assert needed == {"image", "registryName", "operators"}
    assert needed <= given <= set(declared)
    assert "using './main.bicep'" in example
