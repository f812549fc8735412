"""azure-mgmt-batch: `BatchManagementClient` makes pools by Azure Resource Manager.

azure-batch beside it sees them. Run by `run.py` with its own Python; ACCOUNT and ENDPOINT come in
the environment, the account's place as SUBSCRIPTION and GROUP, and IDENTITY_ENDPOINT and
IDENTITY_HEADER, by which an unmodified `DefaultAzureCredential` gets its tokens.
"""

from __future__ import annotations

import io
import json
import os
from datetime import timedelta
from pathlib import Path

from azure.batch import BatchClient
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.mgmt.batch import BatchManagementClient, models
from steps import holds, same, step, until

GROUP, ACCOUNT, POOL = os.environ["GROUP"], os.environ["ACCOUNT"], "managed"
WHERE = (GROUP, ACCOUNT)
TEMPLATES = Path(__file__).resolve().parents[2] / "pool_templates"
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/x/one"


def refused(attempt, status: int, code: str) -> None:
    """The service refuses it, with this status and code."""
    try:
        attempt()
    except HttpResponseError as error:
        same((error.status_code, error.error.code), (status, code))
        holds(error.error.message)
        return
    raise AssertionError(f"it was not refused; wanted {code}")


def main() -> None:
    """From nothing and back to nothing, by both clients."""
    credential = DefaultAzureCredential()
    management = BatchManagementClient(
        credential,
        os.environ["SUBSCRIPTION"],
        base_url=os.environ["ENDPOINT"],
        polling_interval=0.2,
        # the resource that tokens are for goes by the cloud's own address, whatever is asked
        credential_scopes=["https://management.azure.com/.default"],
    )
    batch = BatchClient(os.environ["ENDPOINT"], credential)
    accounts(management)
    pools(management, batch)
    changes(management, batch)
    templates(management, batch)
    ending(management, batch)


def accounts(client: BatchManagementClient) -> None:
    with step("account", "list by subscription and by group, get, keys"):
        (account,) = client.batch_account.list()
        same(account.name, ACCOUNT)
        same([a.id for a in client.batch_account.list_by_resource_group(GROUP)], [account.id])
        got = client.batch_account.get(*WHERE)
        holds(got.dedicated_core_quota and got.low_priority_core_quota, got)
        same((got.pool_quota, got.active_job_and_job_schedule_quota), (100, 300))
        same(got.provisioning_state, "Succeeded")
        holds(client.batch_account.get_keys(*WHERE).primary)
    with step("account", "one that is not there"):
        refused(lambda: client.batch_account.get(GROUP, "none"), 404, "ResourceNotFound")
        refused(lambda: client.batch_account.get("none", ACCOUNT), 404, "ResourceGroupNotFound")


def pool(**more: object) -> models.Pool:
    """A pool with what scripts commonly give one."""
    machine = models.VirtualMachineConfiguration(
        image_reference=models.ImageReference(
            publisher="microsoft-dsvm", offer="ubuntu-hpc", sku="2404", version="latest"
        ),
        node_agent_sku_id="batch.node.ubuntu 24.04",
        container_configuration=models.ContainerConfiguration(
            type="DockerCompatible",
            container_registries=[
                models.ContainerRegistry(
                    registry_server="r.example", user_name="u", password="p-hidden"
                )
            ],
        ),
    )
    return models.Pool(
        display_name="by management",
        vm_size="STANDARD_D4S_V5",
        deployment_configuration=models.DeploymentConfiguration(
            virtual_machine_configuration=machine
        ),
        task_slots_per_node=2,
        task_scheduling_policy=models.TaskSchedulingPolicy(node_fill_type="Pack"),
        identity=models.BatchPoolIdentity(
            type="UserAssigned",
            user_assigned_identities={IDENTITY: models.UserAssignedIdentities()},
        ),
        start_task=models.StartTask(
            command_line="/bin/true",
            wait_for_success=True,
            user_identity=models.UserIdentity(
                auto_user=models.AutoUserSpecification(scope="Pool", elevation_level="Admin")
            ),
        ),
        **more,
    )


def scale(nodes: int) -> models.ScaleSettings:
    """So many dedicated nodes."""
    return models.ScaleSettings(
        fixed_scale=models.FixedScaleSettings(
            target_dedicated_nodes=nodes, resize_timeout=timedelta(minutes=8)
        )
    )


def pools(client: BatchManagementClient, batch: BatchClient) -> None:
    with step("pool", "create, and azure-batch has it"):
        made = client.pool.create(*WHERE, POOL, pool(scale_settings=scale(1)))
        same((made.name, made.provisioning_state), (POOL, "Succeeded"))
        same(made.scale_settings.fixed_scale.resize_timeout, timedelta(minutes=8))
        seen = batch.get_pool(POOL)
        same((seen.display_name, seen.task_slots_per_node), ("by management", 2))
        same(seen.identity.user_assigned_identities[0].resource_id, IDENTITY)
        until(lambda: [n for n in batch.list_nodes(POOL) if n.state == "idle"])
    with step("pool", "get, list with filter: no secret comes back"):
        got = client.pool.get(*WHERE, POOL)
        same(got.current_dedicated_nodes, 1)
        registry = got.deployment_configuration.virtual_machine_configuration
        holds("hidden" not in str(registry.container_configuration.container_registries[0]))
        listed = client.pool.list_by_batch_account(*WHERE, filter=f"name eq '{POOL}'", maxresults=1)
        same([p.name for p in listed], [POOL])
    with step("pool", "one that is not there, and a name that is taken"):
        refused(lambda: client.pool.get(*WHERE, "none"), 404, "ResourceNotFound")


def changes(client: BatchManagementClient, batch: BatchClient) -> None:
    with step("pool", "update: resize, and azure-batch sees the nodes"):
        until(lambda: client.pool.get(*WHERE, POOL), lambda p: p.allocation_state == "Steady")
        client.pool.update(*WHERE, POOL, models.Pool(scale_settings=scale(2)))
        until(lambda: batch.get_pool(POOL), lambda p: p.current_dedicated_nodes == 2)
    with step("pool", "update: metadata; the rest stays"):
        change = models.Pool(metadata=[models.MetadataItem(name="a", value="b")])
        same(client.pool.update(*WHERE, POOL, change).task_slots_per_node, 2)
        same(batch.get_pool(POOL).metadata[0].value, "b")
    with step("pool", "an old etag: the condition is not met"):
        etag = 'W/"0x1"'
        try:
            conditions = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
            arguments = conditions if "19." in version() else {"if_match": etag}
            client.pool.update(*WHERE, POOL, models.Pool(), **arguments)
        except HttpResponseError as error:
            same(error.status_code, 412)
        else:
            raise AssertionError("it was not refused")
    with step("pool", "update: a formula, disable_auto_scale"):
        formula = models.AutoScaleSettings(formula="$TargetDedicatedNodes=1;")
        change = models.Pool(scale_settings=models.ScaleSettings(auto_scale=formula))
        until(lambda: client.pool.get(*WHERE, POOL), lambda p: p.allocation_state == "Steady")
        client.pool.update(*WHERE, POOL, change)
        run = until(lambda: client.pool.get(*WHERE, POOL).auto_scale_run)
        holds("$TargetDedicatedNodes=1" in run.results, run.results)
        until(lambda: batch.get_pool(POOL), lambda p: p.current_dedicated_nodes == 1)
        client.pool.disable_auto_scale(*WHERE, POOL)
        same(batch.get_pool(POOL).enable_auto_scale, False)
    with step("pool", "a pool that was read and is sent back stays as it is"):
        read = client.pool.get(*WHERE, POOL)
        again = client.pool.create(*WHERE, POOL, read)
        same(again.task_slots_per_node, 2)
        same(batch.get_pool(POOL).current_dedicated_nodes, 1)


def version() -> str:
    """The client's own version."""
    from azure.mgmt.batch import __version__

    return f"{__version__}."


def templates(client: BatchManagementClient, batch: BatchClient) -> None:
    with step("pool", "the templates of this repository"):
        for file in sorted(TEMPLATES.glob("*.pool.json")):
            name = file.name.partition(".")[0]
            body = json.dumps({"properties": json.loads(file.read_text("utf-8"))})
            made = client.pool.create(
                *WHERE, name, io.BytesIO(body.encode()), content_type="application/json"
            )
            same(made.scale_settings.auto_scale.evaluation_interval, timedelta(minutes=5))
            same(batch.get_pool(name).enable_auto_scale, True)


def ending(client: BatchManagementClient, batch: BatchClient) -> None:
    with step("pool", "begin_delete, waited for; azure-batch has none"):
        for name in [p.name for p in client.pool.list_by_batch_account(*WHERE)]:
            client.pool.begin_delete(*WHERE, name).result(timeout=60)
            try:
                batch.get_pool(name)
            except ResourceNotFoundError:
                continue
            raise AssertionError(f"{name} is still there")
        same(list(batch.list_pools()), [])


if __name__ == "__main__":
    main()
