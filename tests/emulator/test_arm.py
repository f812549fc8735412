"""Pools by Azure Resource Manager: one life with the data plane's, in words of both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from azure.batch import models
from azure.core.exceptions import ResourceNotFoundError

from arm_client import GROUP, IDENTITY, SUBSCRIPTION, arm, fixed, machine, properties, until

TEMPLATES = Path(__file__).parents[2] / "pool_templates"


@pytest.fixture(scope="module")
def azure(certificate):
    with arm(certificate) as made:
        yield made


@pytest.mark.parametrize("template", ["spot", "dedicated"])
def test_a_template_is_taken_as_it_is_and_comes_back(azure, template):
    given = json.loads((TEMPLATES / f"{template}.pool.json").read_text("utf-8"))
    pool = azure.put(template, properties=given)
    assert pool["id"] == f"{azure.account}/pools/{template}"
    assert (pool["name"], pool["type"]) == (template, "Microsoft.Batch/batchAccounts/pools")
    told = pool["properties"]
    assert told["provisioningState"] == "Succeeded"
    assert_holds(told, given)
    seen = azure.client.get_pool(template)
    assert seen.enable_auto_scale
    assert seen.auto_scale_formula == given["scaleSettings"]["autoScale"]["formula"]
    assert seen.task_slots_per_node == given["taskSlotsPerNode"]
    assert seen.task_scheduling_policy.node_fill_type == "pack"
    machine = seen.virtual_machine_configuration
    assert machine.node_agent_sku_id == "batch.node.ubuntu 24.04"
    assert machine.os_disk.ephemeral_os_disk_settings.placement == "cachedisk"
    # what Terraform and Bicep do on every deployment
    again = azure.put(template, properties=given)
    assert again["properties"]["scaleSettings"] == told["scaleSettings"]


def assert_holds(whole, part):
    """All of a part is in the whole, in the same words."""
    for name, value in part.items():
        if isinstance(value, dict):
            assert_holds(whole[name], value)
        else:
            assert whole[name] == value, name


def test_what_bicep_and_terraform_make_of_a_template_is_taken(certificate):
    given = json.loads((TEMPLATES / "spot.pool.json").read_text("utf-8"))
    registry = {"registryServer": "maps.azurecr.io", "identityReference": {"resourceId": IDENTITY}}
    machine = given["deploymentConfiguration"]["virtualMachineConfiguration"]
    machine["containerConfiguration"] |= {
        "containerImageNames": ["maps.azurecr.io/task@sha256:0"],
        "containerRegistries": [registry],
    }
    subnet = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Network"
    given["networkConfiguration"] = {"subnetId": f"{subnet}/virtualNetworks/v/subnets/s"}
    formula = given["scaleSettings"]["autoScale"]["formula"]
    given["scaleSettings"]["autoScale"]["formula"] = formula.replace("= 20;", "= 5;")
    body = {
        "properties": given,
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}},
        "tags": {"team": "maps"},
    }
    with arm(certificate, "--containers=process") as azure:
        assert_holds(azure.put("scenefleet-spot", **body)["properties"], given)
        seen = azure.client.get_pool("scenefleet-spot")
        containers = seen.virtual_machine_configuration.container_configuration
        assert containers.container_registries[0].identity_reference.resource_id == IDENTITY
        assert seen.network_configuration.subnet_id.endswith("/subnets/s")
        assert "maxNodes = 5;" in seen.auto_scale_formula
        # deployed again with nodes there, which Terraform and Bicep do whatever has changed
        until(lambda: list(azure.client.list_nodes("scenefleet-spot")))
        given["metadata"][0]["value"] = "maps"
        again = azure.put("scenefleet-spot", **body)
        assert again["properties"]["metadata"][0]["value"] == "maps"
        assert list(azure.client.list_nodes("scenefleet-spot"))


def test_a_pool_with_everything_comes_back_in_the_words_of_both_planes(azure):
    given = machine(
        displayName="all of it",
        interNodeCommunication="Enabled",
        taskSchedulingPolicy={"nodeFillType": "Pack", "jobDefaultOrder": "CreationTime"},
        userAccounts=[{"name": "one", "password": "hidden-1", "elevationLevel": "Admin"}],
        metadata=[{"name": "a", "value": "b"}],
        scaleSettings=fixed(0, resizeTimeout="PT8M"),
        startTask={
            "commandLine": "/bin/true",
            "waitForSuccess": True,
            "userIdentity": {"autoUser": {"scope": "Pool", "elevationLevel": "Admin"}},
            "environmentSettings": [{"name": "A", "value": "B"}],
            "resourceFiles": [{"httpUrl": "https://example.com/x", "filePath": "x"}],
        },
        mountConfiguration=[
            {
                "cifsMountConfiguration": {
                    "userName": "u",
                    "source": "//a/b",
                    "relativeMountPath": "x",
                    "password": "hidden-2",
                }
            },
            {
                "azureFileShareConfiguration": {
                    "accountName": "a",
                    "accountKey": "hidden-3",
                    "azureFileUrl": "https://a.file.core.windows.net/s",
                    "relativeMountPath": "y",
                }
            },
        ],
        networkConfiguration={
            "dynamicVnetAssignmentScope": "None",
            "endpointConfiguration": {
                "inboundNatPools": [
                    {
                        "name": "web",
                        "protocol": "TCP",
                        "backendPort": 8080,
                        "frontendPortRangeStart": 15000,
                        "frontendPortRangeEnd": 15100,
                    }
                ]
            },
        },
    )
    given["deploymentConfiguration"]["virtualMachineConfiguration"] |= {
        "containerConfiguration": {
            "type": "DockerCompatible",
            "containerImageNames": ["a/b:1"],
            "containerRegistries": [
                {"registryServer": "a", "username": "u", "password": "hidden-4"}
            ],
        }
    }
    answer = azure.ask("PUT", "pools/full", json={"properties": given})
    assert answer.status_code == 200, answer.text
    assert "hidden" not in answer.text
    told = answer.json()["properties"]
    assert told["networkConfiguration"]["endpointConfiguration"]["inboundNatPools"][0]["name"] == (
        "web"
    )
    assert told["mountConfiguration"][0]["cifsMountConfiguration"]["userName"] == "u"
    assert told["interNodeCommunication"] == "Enabled"
    assert told["startTask"]["userIdentity"]["autoUser"] == {
        "scope": "Pool",
        "elevationLevel": "Admin",
    }
    seen = azure.client.get_pool("full")
    assert seen.enable_inter_node_communication
    assert seen.mount_configuration[0].cifs_mount_configuration.username == "u"
    assert seen.network_configuration.endpoint_configuration.inbound_nat_pools[0].name == "web"
    assert seen.start_task.user_identity.auto_user.scope == "pool"
    assert seen.task_scheduling_policy.job_default_order == "creationtime"
    # sent back as it was read, as an editor of resources does: nothing is refused or changed
    azure.put("full", properties=told)
    assert properties(azure, "full")["mountConfiguration"] == told["mountConfiguration"]


def test_an_identity_and_tags_are_kept_and_the_data_plane_tells_the_identity(azure):
    body = {
        "properties": machine(scaleSettings=fixed(0)),
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}},
        "tags": {"team": "maps"},
    }
    pool = azure.put("known", **body)
    told = pool["identity"]["userAssignedIdentities"][IDENTITY]
    assert told["clientId"]
    assert told["principalId"]
    assert pool["tags"] == {"team": "maps"}
    seen = azure.client.get_pool("known")
    assert seen.identity.type == "UserAssigned"
    assert seen.identity.user_assigned_identities[0].resource_id == IDENTITY
    assert "tags" not in seen.as_dict()


def test_nodes_come_by_either_plane_and_a_resize_takes_the_service_s_words(azure):
    azure.put("sized", properties=machine(scaleSettings=fixed(1)))
    until(lambda: len(list(azure.client.list_nodes("sized"))) == 1)
    until(lambda: properties(azure, "sized")["allocationState"] == "Steady")
    change = {"scaleSettings": fixed(2, 1, nodeDeallocationOption="TaskCompletion")}
    told = azure.ask("PATCH", "pools/sized", json={"properties": change}).json()["properties"]
    assert told["allocationState"] == "Resizing"
    assert told["resizeOperationStatus"]["nodeDeallocationOption"] == "TaskCompletion"
    assert told["vmSize"] == "STANDARD_D4S_V5"  # the rest stays
    until(
        lambda: azure.client.get_pool("sized"),
        lambda pool: (pool.current_dedicated_nodes, pool.current_low_priority_nodes) == (2, 1),
    )
    until(lambda: properties(azure, "sized")["allocationState"] == "Steady")
    azure.client.begin_resize_pool(
        "sized", models.BatchPoolResizeOptions({"targetDedicatedNodes": 0})
    ).result()
    scale = properties(azure, "sized")["scaleSettings"]["fixedScale"]
    assert (scale["targetDedicatedNodes"], scale["targetLowPriorityNodes"]) == (0, 1)


def test_a_formula_comes_and_goes(azure):
    azure.put("scaled", properties=machine())
    formula = {"autoScale": {"formula": "$TargetDedicatedNodes=1;", "evaluationInterval": "PT6M"}}
    told = azure.ask("PATCH", "pools/scaled", json={"properties": {"scaleSettings": formula}})
    assert told.json()["properties"]["scaleSettings"] == formula
    run = until(lambda: properties(azure, "scaled").get("autoScaleRun"))
    assert "$TargetDedicatedNodes=1" in run["results"]
    ended = azure.ask("POST", "pools/scaled/disableAutoScale").json()["properties"]
    assert ended["scaleSettings"]["fixedScale"]["targetDedicatedNodes"] == 1
    assert azure.client.get_pool("scaled").enable_auto_scale is False
    broken = {"scaleSettings": {"autoScale": {"formula": "$Target = ("}}}
    answer = azure.ask("PATCH", "pools/scaled", json={"properties": broken})
    assert (answer.status_code, answer.json()["error"]["code"]) == (
        400,
        "AutoScalingFormulaSyntaxError",
    )


def test_a_resize_is_stopped(certificate):
    with arm(certificate, "--boot-time=600") as azure:
        azure.put("slow", properties=machine(scaleSettings=fixed(1)))
        told = azure.ask("POST", "pools/slow/stopResize").json()["properties"]
        assert told["allocationState"] == "Stopping"
        assert told["resizeOperationStatus"]["errors"][0]["code"] == "ResizeStopped"


def test_a_start_task_and_metadata_are_removed(azure):
    given = machine(startTask={"commandLine": "/bin/true"}, metadata=[{"name": "a", "value": "b"}])
    azure.put("trimmed", properties=given)
    told = azure.ask("PATCH", "pools/trimmed", json={"properties": {"startTask": {}}}).json()
    assert "startTask" not in told["properties"]
    assert told["properties"]["metadata"] == given["metadata"]
    told = azure.put("trimmed", properties=machine())
    assert "metadata" not in told["properties"]


def test_what_a_pool_with_nodes_keeps_is_not_changed(azure):
    azure.put("kept", properties=machine(scaleSettings=fixed(1)))
    until(lambda: len(list(azure.client.list_nodes("kept"))) == 1)
    answer = azure.ask("PATCH", "pools/kept", json={"properties": {"vmSize": "STANDARD_D2_V3"}})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "PropertyCannotBeUpdated")
    assert error["target"] == "BatchAccount"
    assert {"code": "PropertyPath", "message": "properties.vmSize"} in error["details"]
    same = machine(scaleSettings=fixed(1), taskSlotsPerNode=1, vmSize="Standard_D4s_v5")
    azure.put("kept", properties=same)


def test_a_pool_is_deleted_and_the_poll_says_when(azure):
    azure.put("gone", properties=machine(scaleSettings=fixed(1)))
    until(lambda: len(list(azure.client.list_nodes("gone"))) == 1)
    answer = azure.ask("DELETE", "pools/gone")
    assert answer.status_code == 202
    place = answer.headers["location"]
    assert place.startswith(azure.running.endpoint + azure.account)
    assert int(answer.headers["retry-after"]) >= 1
    headers = {"authorization": f"Bearer {azure.token}"}
    done = until(lambda: azure.http.get(place, headers=headers), lambda one: one.status_code != 202)
    assert done.status_code == 200
    assert azure.ask("DELETE", "pools/gone").status_code == 204
    assert azure.ask("GET", "pools/gone").json()["error"]["code"] == "ResourceNotFound"
    with pytest.raises(ResourceNotFoundError):
        azure.client.get_pool("gone")


def test_conditions_are_held(azure):
    azure.put("tagged", properties=machine())
    until(lambda: properties(azure, "tagged")["allocationState"] == "Steady")
    first = azure.ask("GET", "pools/tagged").json()["etag"]
    assert first.startswith('W/"0x')
    new = {"json": {"properties": machine()}, "headers": {"if-none-match": "*"}}
    assert azure.ask("PUT", "pools/tagged", **new).status_code == 412
    assert azure.ask("PUT", "pools/tagged-too", **new).status_code == 200
    change = {"json": {"properties": {"metadata": []}}, "headers": {"if-match": first}}
    assert azure.ask("PATCH", "pools/tagged", **change).status_code == 200
    assert azure.ask("PATCH", "pools/tagged", **change).status_code == 412
    assert azure.ask("DELETE", "pools/tagged", headers={"if-match": first}).status_code == 412
    none = {"json": {"properties": machine()}, "headers": {"if-match": "*"}}
    assert azure.ask("PUT", "pools/none-such", **none).status_code == 412


def test_lists_have_pages_filters_and_selections(certificate):
    with arm(certificate) as azure:
        for name in ("one", "two", "three"):
            azure.put(name, properties=machine())
        until(lambda: properties(azure, "three")["allocationState"] == "Steady")
        page = azure.ask("GET", "pools", params={"maxresults": "2"}).json()
        assert [pool["name"] for pool in page["value"]] == ["one", "two"]
        headers = {"authorization": f"Bearer {azure.token}"}
        rest = azure.http.get(page["nextLink"], headers=headers).json()
        assert [pool["name"] for pool in rest["value"]] == ["three"]
        assert "nextLink" not in rest
        query = {
            "$filter": "startswith(name, 't') and properties/allocationState eq 'Steady'",
            "$select": "properties/vmSize",
        }
        found = azure.ask("GET", "pools", params=query).json()["value"]
        assert [pool["name"] for pool in found] == ["two", "three"]
        assert found[0]["properties"] == {"vmSize": "STANDARD_D4S_V5"}
        assert azure.ask("GET", "pools", params={"$filter": "size eq 3"}).status_code == 400


def test_older_versions_have_their_own_properties(azure):
    given = machine(targetNodeCommunicationMode="Classic", resourceTags={"a": "b"})
    answer = azure.ask("PUT", "pools/older", version="2024-02-01", json={"properties": given})
    told = answer.json()["properties"]
    assert (told["targetNodeCommunicationMode"], told["resourceTags"]) == ("Classic", {"a": "b"})
    assert "resourceTags" not in properties(azure, "older")
    early = azure.ask("GET", "pools/older", version="2020-09-01").json()["properties"]
    assert early["maxTasksPerNode"] == 1
    assert "taskSlotsPerNode" not in early


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({"properties": {"vmSiz": "x"}}, "InvalidRequestBody", "properties.vmSiz"),
        ({"property": {}}, "InvalidRequestBody", "properties.property"),
        ({}, "MissingRequiredProperty", "properties.vmSize"),
        ({"properties": 3}, "InvalidPropertyValue", "properties"),
        ({"properties": machine(vmSize=3)}, "InvalidPropertyValue", "properties.vmSize"),
        (
            {"properties": machine(scaleSettings=fixed(-1))},
            "InvalidPropertyValue",
            "properties.scaleSettings.fixedScale.targetDedicatedNodes",
        ),
        (
            {"properties": machine(scaleSettings={})},
            "InvalidPropertyValue",
            "properties.scaleSettings",
        ),
        (
            {"properties": machine(interNodeCommunication="On")},
            "InvalidPropertyValue",
            "properties.interNodeCommunication",
        ),
        (
            {"properties": machine(userAccounts="hidden-5")},
            "InvalidPropertyValue",
            "properties.userAccounts",
        ),
        ({"properties": machine(), "tags": {"a": 1}}, "InvalidPropertyValue", "tags"),
        ({"properties": machine(), "identity": 1}, "InvalidPropertyValue", "identity"),
        (
            {"properties": machine(), "identity": {"type": "UserAssigned"}},
            "InvalidPropertyValue",
            "identity.userAssignedIdentities",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_with_its_path(azure, body, code, path):
    answer = azure.ask("PUT", "pools/wrong", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, code)
    assert {"code": "PropertyPath", "message": path} in error["details"]
    assert "hidden" not in answer.text
    assert azure.ask("GET", "pools/wrong").status_code == 404


def test_pools_by_it_outlast_a_kill(certificate, tmp_path):
    body = {
        "properties": machine(scaleSettings=fixed(1)),
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}},
        "tags": {"team": "maps"},
    }
    with arm(certificate, f"--state={tmp_path}") as azure:
        before = azure.put("lasting", **body)
        azure.running.process.kill()
        azure.running.process.wait(10)
    with arm(certificate, f"--state={tmp_path}") as azure:
        after = azure.ask("GET", "pools/lasting").json()
        assert (after["identity"], after["tags"]) == (before["identity"], before["tags"])
        scale = after["properties"]["scaleSettings"]["fixedScale"]
        assert scale["targetDedicatedNodes"] == 1
