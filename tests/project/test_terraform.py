"""The Terraform file makes what the Bicep file makes: resources, roles, parameters, outputs."""

import functools
import json
import re
import shutil
import subprocess
from pathlib import Path

import hcl2
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "pool_templates"
BICEP = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.bicep")}
TERRAFORM = (FOLDER / "main.tf").read_text(encoding="utf-8")


def _plain(value):
    """What the parser found, without the quotes that it keeps around strings."""
    if isinstance(value, dict):
        return {key.strip('"'): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.strip('"') if isinstance(value, str) else value


@functools.cache
def _parsed():
    return _plain(hcl2.loads(TERRAFORM))


def _blocks(kind):
    """Blocks of a kind by their last label."""
    found = {}
    for block in _parsed()[kind]:
        inner = block
        while "__is_block__" not in inner:
            ((label, inner),) = inner.items()
        found[label] = inner
    return found


def _bicep_resources():
    """Type by name of all that is made; a role that a module gives has the module's name."""
    pattern = r"^resource (\w+) '([^']+)' = "
    made = dict(re.findall(pattern, BICEP["main.bicep"], re.MULTILINE))
    for name, file in re.findall(r"^module (\w+) '([^']+)'", BICEP["main.bicep"], re.MULTILINE):
        ((_, kind),) = re.findall(pattern, BICEP[file], re.MULTILINE)
        made[name] = kind
    return made


def test_both_make_the_same_resources():
    made = {name: block["type"] for name, block in _blocks("resource").items()}
    assert made == _bicep_resources()
    assert {"storage", "container", "nodes", "batch", "pools"} < made.keys()


def test_both_give_the_same_roles_to_the_same_names():
    identifier = r"'?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})'?"
    ids = dict(
        re.findall(rf"(\w+)(?:: | = ){identifier}$", "\n".join(BICEP.values()), re.MULTILINE)
    )
    (local,) = _parsed()["locals"]
    assert local["roles"] == ids
    given = {}
    for name, body in re.findall(
        r"^resource (\w+) 'Microsoft.Authorization/roleAssignments.*?\n(.*?)^[}\]]",
        BICEP["main.bicep"],
        re.MULTILINE | re.DOTALL,
    ):
        given[name] = re.findall(r"roleDefinitions', roles\.(\w+)\)", body)[0]
    given["nodesPull"] = "acrPull"
    there = {
        name: re.findall(r"local\.roles\.(\w+)", block["body"]["properties"]["roleDefinitionId"])[0]
        for name, block in _blocks("resource").items()
        if block["type"].startswith("Microsoft.Authorization/")
    }
    assert there == given


def test_both_scope_each_role_alike():
    scopes = dict(
        re.findall(
            r"^resource (\w+) 'Microsoft.Authorization.*?scope: (\w+)$",
            BICEP["main.bicep"],
            re.MULTILINE | re.DOTALL,
        )
    )
    for name, scope in scopes.items():
        assert _blocks("resource")[name]["parent_id"] == f"${{azapi_resource.{scope}.id}}"


def test_both_take_the_same_parameters_with_the_same_defaults():
    declared = re.findall(
        r"^param (\w+) (?!object)\w+(?: = (.*))?$", BICEP["main.bicep"], re.MULTILINE
    )
    bicep = {name: default.replace("'", "") for name, default in declared}
    variables = _blocks("variable")
    # a group's own name is no default that Terraform can compute
    bicep["registryResourceGroup"] = ""
    terraform = {
        name: "" if "default" not in block else str(block["default"])
        for name, block in variables.items()
        if name not in ("subscription_id", "resource_group", "tags")
    }
    assert terraform == bicep
    assert "tags" in variables


def test_both_tell_the_same():
    outputs = re.findall(r"^output (\w+)", BICEP["main.bicep"], re.MULTILINE)
    assert list(_blocks("output")) == outputs


def test_both_use_every_template():
    names = sorted(path.name for path in FOLDER.glob("*.pool.json"))
    assert sorted(re.findall(r'jsondecode\(file\("\$\{path\.module\}/([^"]+)"', TERRAFORM)) == names
    assert sorted(re.findall(r"loadJsonContent\('([^']+)'\)", BICEP["main.bicep"])) == names
    assert _blocks("resource")["pools"]["name"] == "scenefleet-${each.key}"


def test_storage_has_the_same_properties():
    (block,) = re.findall(
        r"^resource storage .*?\n  properties: \{\n(.*?)^  \}",
        BICEP["main.bicep"],
        re.MULTILINE | re.DOTALL,
    )
    storage = _blocks("resource")["storage"]["body"]["properties"]
    assert re.findall(r"^    (\w+):", block, re.MULTILINE) == [*storage]
    for name, value in re.findall(r"^    (\w+): ([^{\n]+)$", block, re.MULTILINE):
        assert str(storage[name]).lower() == value.strip("'").lower(), name


def test_every_reference_of_the_terraform_file_is_declared():
    for kind, pattern in (("variable", r"var\.(\w+)"), ("resource", r"azapi\w*_resource\.(\w+)")):
        assert set(re.findall(pattern, TERRAFORM)) <= _blocks(kind).keys()
    (local,) = _parsed()["locals"]
    assert set(re.findall(r"local\.(\w+)", TERRAFORM)) <= local.keys()


def test_the_parser_refuses_what_is_broken():
    with pytest.raises(Exception, match="Unexpected"):
        hcl2.loads(TERRAFORM.replace("variable", "variable =", 1))


@pytest.mark.skipif(shutil.which("terraform") is None, reason="Terraform is not a package of PyPI")
@pytest.mark.parametrize("subnet", ["", "/subscriptions/s/subnets/a"])
def test_terraform_keeps_all_of_a_template_but_what_it_sets(tmp_path, subnet):
    """Evaluates the expression of a pool's properties by Terraform itself, without a provider."""
    start = TERRAFORM.index("    properties = merge(\n") + len("    properties = ")
    made = TERRAFORM[start : TERRAFORM.index("\n  }\n  # A node prefetches")]
    made = made.replace("each.value", "one").replace("azapi_resource.nodes.id", '"ID"')
    values = {"subnetId": subnet, "taskSlots": 2, "maxNodes": 7, "image": "i", "registryName": "r"}
    lines = [
        f"variable {json.dumps(n)} {{\n default = {json.dumps(v)}\n}}" for n, v in values.items()
    ]
    for path in FOLDER.glob("*.pool.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
        name = path.name.partition(".")[0]
        lines.append(
            f"locals {{\n {name}_given = jsondecode(file({json.dumps(path.name)}))\n"
            f" {name} = [for one in [local.{name}_given] : {made}][0]\n}}"
        )
    (tmp_path / "main.tf").write_text("\n".join(lines))
    for path in FOLDER.glob("*.pool.json"):
        told = subprocess.run(
            ["terraform", "console"], cwd=tmp_path, capture_output=True, text=True, check=True,
            input=f"jsonencode(local.{path.name.partition('.')[0]})\n", timeout=60,
        )  # fmt: skip
        found = json.loads(json.loads(told.stdout.strip().splitlines()[-1]))
        wanted = json.loads(path.read_text(encoding="utf-8"))
        machine = wanted["deploymentConfiguration"]["virtualMachineConfiguration"]
        machine["containerConfiguration"] |= {
            "containerImageNames": ["i"],
            "containerRegistries": [
                {"registryServer": "r.azurecr.io", "identityReference": {"resourceId": "ID"}}
            ],
        }
        scale = wanted["scaleSettings"]["autoScale"]
        scale["formula"] = scale["formula"].replace("maxNodes = 20;", "maxNodes = 7;")
        wanted["taskSlotsPerNode"] = 2
        if subnet:
            wanted["networkConfiguration"] = {"subnetId": subnet}
        assert found == wanted
