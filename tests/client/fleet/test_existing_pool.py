"""A pool that others made is used as it is, or refused with what does not fit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.batch import models

from batch_emulator.process import Running, start
from scenefleet.cli.health import examine
from scenefleet.cli.selection import say_slots
from scenefleet.errors import FleetError, RecipeError
from scenefleet.fleet import PoolChoice, choose_pool
from scenefleet.fleet.connection import Connection, connect
from scenefleet.fleet.existing_pool import Need, Seen, misfits
from scenefleet.fleet.fleet import Fleet
from scenefleet.fleet.nodes import PoolHealth
from scenefleet.fleet.pool import look_at
from scenefleet.fleet.pool_remarks import most_nodes, remarks
from scenefleet.recipe import PoolId, RecipeFile, Resources, parse
from scenefleet.settings import read_settings
from witnessing import witnessing

IMAGE = "mine.azurecr.io/task@sha256:" + "a" * 64
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/x/nodes"
LINUX = {
    "imageReference": {
        "publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404", "version": "latest",
    },
    "nodeAgentSKUId": "batch.node.ubuntu 24.04",
}  # fmt: skip
CONTAINERS = {"type": "dockerCompatible", "containerImageNames": [IMAGE]}


def answered(*, machine: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A good pool as the data plane answers it, through the SDK's own model."""
    body = {
        "id": "theirs",
        "state": "active",
        "vmSize": "standard_d4ds_v5",
        "taskSlotsPerNode": 4,
        "enableAutoScale": True,
        "autoScaleFormula": "maxNodes = 20;\n$TargetDedicatedNodes = min(maxNodes, 1);",
        "autoScaleEvaluationInterval": "PT5M",
        "virtualMachineConfiguration": {
            **LINUX,
            "containerConfiguration": CONTAINERS,
            **(machine or {}),
        },
    }
    return models.BatchPool({**body, **changes}).as_dict()


def need(**changes: Any) -> Need:
    return Need(**{"image": IMAGE, "identity": None, "resources": Resources(), **changes})


def test_a_pool_that_fits_has_nothing_said_of_it() -> None:
    assert misfits(answered(), need()) == []
    assert remarks(answered(), need()) == []


WINDOWS = {"nodeAgentSKUId": "batch.node.windows amd64"}
NODES = {"type": "UserAssigned", "userAssignedIdentities": [{"resourceId": IDENTITY.upper()}]}
OTHER = {"type": "UserAssigned", "userAssignedIdentities": [{"resourceId": "/other"}]}


@pytest.mark.parametrize(
    ("pool", "wanted", "said"),
    [
        (answered(machine=WINDOWS), need(), "run Windows"),
        (answered(machine={"containerConfiguration": None}), need(), f"has none, .*{IMAGE}"),
        (answered(), need(image=None), f"no image is named.*prefetches {IMAGE}"),
        (answered(), need(identity=IDENTITY), "the pool has no identity"),
        (answered(identity=OTHER), need(identity=IDENTITY), "the pool has /other"),
        (answered(), need(resources=Resources(memory="8GB")), "runs 4 at once.*8.1 GB"),
        (
            answered(vmSize="standard_d1_v2", taskSlotsPerNode=1),
            need(resources=Resources(memory="8GB")),
            "even one task may be too many",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(pool: dict[str, Any], wanted: Need, said: str) -> None:
    (line,) = misfits(pool, wanted)
    assert re.search(said, line), line


def test_an_identity_is_found_whatever_its_case() -> None:
    assert misfits(answered(identity=NODES), need(identity=IDENTITY)) == []


def test_a_pool_without_containers_runs_tasks_that_name_no_image() -> None:
    pool = answered(machine={"containerConfiguration": None})
    assert misfits(pool, need(image=None)) == []
    (line,) = remarks(pool, need(image=None))
    assert "on the nodes themselves" in line


FIXED = {"enableAutoScale": False, "targetDedicatedNodes": 0, "targetLowPriorityNodes": 0}
SPOT = {**FIXED, "targetLowPriorityNodes": 3}
FAILED = {"error": {"code": "AutoScaleFormulaEvaluationError", "message": "x is not defined"}}
PACKAGES = [{"applicationId": "tool", "version": "1.0"}, {"applicationId": "other"}]
HIDDEN = {"publicIPAddressConfiguration": {"provision": "noPublicIPAddresses"}}


@pytest.mark.parametrize(
    ("pool", "wanted", "said"),
    [
        (answered(**FIXED), need(), "az batch pool resize --pool-id theirs"),
        (answered(**SPOT), need(), "all its nodes are Spot nodes"),
        (answered(allocationState="resizing"), need(), "being resized now, from 0 nodes to 0"),
        (
            answered(autoScaleRun={"timestamp": "2026-01-01T00:00:00Z", **FAILED}),
            need(),
            r"formula failed .*\(AutoScaleFormulaEvaluationError: x is not defined\)",
        ),
        (answered(autoScaleEvaluationInterval=None), need(), "evaluated every 15 minutes"),
        (answered(autoScaleEvaluationInterval="PT1H"), need(), "evaluated every 60 minutes"),
        (answered(autoScaleFormula="$TargetDedicatedNodes = time();"), need(), "does not say how"),
        (answered(), need(max_nodes=3), "20 nodes at most: `compute.max_nodes` is not heeded"),
        (
            answered(taskSchedulingPolicy={"nodeFillType": "spread"}), need(),
            "spreads tasks over all its nodes",
        ),
        (answered(enableInterNodeCommunication=True), need(), "nodes can reach one another"),
        (answered(taskSlotsPerNode=1), need(), "3 of 4 cores stay idle: `resources.threads: 4`"),
        (
            answered(applicationPackageReferences=PACKAGES), need(),
            r"application packages first \(tool 1.0, other\)",
        ),
        (
            answered(startTask={"commandLine": "x", "waitForSuccess": True}), need(),
            "run a start task first",
        ),
        (answered(identity=NODES), need(), "settings name none, so they reach the store by a SAS"),
        (answered(vmSize="standard_d4pds_v5"), need(), "Arm processors.*linux/arm64"),
        (answered(networkConfiguration=HIDDEN), need(), "no public address"),
        (answered(vmSize="standard_x9"), need(), "memory of standard_x9 is not known"),
        (answered(), need(resources=Resources(threads=2)), "on 4 cores"),
        (answered(), need(image="other.io/a:1"), "only if other.io asks for no sign-in"),
        (
            answered(machine={"containerConfiguration": {
                **CONTAINERS, "containerRegistries": [{"registryServer": "https://mine.azurecr.io"}]
            }}),
            need(image="mine.azurecr.io/task:2"),
            f"prefetches another version of the image, {IMAGE}.* for its first task$",
        ),
        (
            answered(
                machine={
                    "containerConfiguration": {
                        **CONTAINERS, "containerRegistries": [{"registryServer": "other.io"}]
                    }
                }
            ),
            need(image="other.io/a:1"),
            "pulls it for its first task$",
        ),
    ],
)  # fmt: skip
def test_what_the_user_should_know_is_said(pool: dict[str, Any], wanted: Need, said: str) -> None:
    assert misfits(pool, wanted) == []
    (line,) = remarks(pool, wanted)
    assert re.search(said, line), line


def test_what_was_seen_of_nodes_and_jobs_is_said() -> None:
    health = PoolHealth(
        pool="theirs", wanted=4, counts={"idle": 1, "starttaskfailed": 2},
        errors={"start task: exit code 7": 2}, troubles=("AccountCoreQuotaReached: full",),
    )  # fmt: skip
    seen = Seen(health=health, jobs=["a", "b", "c", "d", "e"], support="its system is old")
    said = remarks(answered(), need(), seen)
    assert said[0] == "it has fewer nodes than it wants: AccountCoreQuotaReached: full"
    assert said[1].startswith("2 of its 3 nodes take no task (1 idle, 2 start task failed): 2 x st")
    assert said[2].startswith("5 active jobs have it already (a, b, c and 2 more)")
    assert said[3:] == ["its system is old"]


@pytest.mark.parametrize(
    ("pool", "most"),
    [
        (answered(), 20),
        (answered(autoScaleFormula="startingNumberOfVMs = 1;\nmaxNumberofVMs = 25;\n"), 25),
        (answered(autoScaleFormula="$TargetDedicatedNodes = 2;\n$TargetLowPriorityNodes=3;"), 5),
        (answered(autoScaleFormula="$TargetDedicatedNodes = time();"), None),
        (answered(**FIXED), None),
        (answered(**SPOT), 3),
        (answered(enableAutoScale=False, targetDedicatedNodes=2, targetLowPriorityNodes=3), 5),
    ],
)
def test_the_pool_says_how_many_nodes_it_has_at_most(pool: dict[str, Any], most: int) -> None:
    assert most_nodes(pool) == most


@pytest.mark.parametrize(
    ("listed", "named"),
    [
        ("python:3.13", "docker.io/library/python:3.13"),
        ("me/task", "index.docker.io/me/task:latest"),
        ("MINE.azurecr.io/task:1", "mine.azurecr.io/task:1"),
        (IMAGE.replace("@", ":7@"), IMAGE),
        ("localhost:5000/task", "localhost:5000/task:latest"),
    ],
)
def test_one_image_by_two_names_is_prefetched(listed: str, named: str) -> None:
    prefetched = {"containerConfiguration": {**CONTAINERS, "containerImageNames": [listed]}}
    assert remarks(answered(machine=prefetched), need(image=named)) == []


# --- the recipe


def recipe(tmp_path: Path, more: str) -> RecipeFile:
    path = tmp_path / "recipe.yaml"
    text = f"version: 1\nname: a\nsearch: {{}}\n{more}"
    path.write_text(text)
    return RecipeFile(parse(text, path), path, text)


@pytest.mark.parametrize(
    "pool",
    ["3", "null", "[a]", "{}", "{id: 3}", "{id: a b}", "{name: a}", "{id: a, image: b}", "{id: ''}",
     f"{{id: {'a' * 65}}}"],
)  # fmt: skip
def test_a_pool_that_is_neither_is_told_once(tmp_path: Path, pool: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe(tmp_path, f"compute: {{pool: {pool}}}")
    (line,) = str(caught.value).splitlines()
    assert "recipe.yaml:4: compute.pool: " in line
    assert "was given: write a template" in line
    assert "{id: my-pool}" in line


def test_max_nodes_is_heeded_only_where_the_recipe_has_it(tmp_path: Path) -> None:
    settings = read_settings(None, {})
    compute = "compute: {backend: azure, pool: {id: a}"
    for more, given in (("}", None), (", max_nodes: 3}", 3)):
        needed = choose_pool(recipe(tmp_path, compute + more), settings).existing
        assert needed is not None
        assert needed.max_nodes == given


def test_a_packaged_name_that_is_not_there_leads_to_the_id(tmp_path: Path) -> None:
    source = recipe(tmp_path, "compute: {backend: azure, pool: my-pool}")
    with pytest.raises(FleetError, match=r"write `pool: \{id: my-pool\}`"):
        choose_pool(source, read_settings(None, {}))


# --- the service


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with witnessing(), start() as running:
        yield running


@pytest.fixture
def client(running: Running) -> Iterator[Any]:
    with connect(Connection(running.endpoint, running.account, running.key)) as client:
        yield client


def chosen(tmp_path: Path, pool: str, more: str = "") -> PoolChoice:
    source = recipe(tmp_path, f"compute: {{backend: azure, pool: {{id: {pool}}}}}\n{more}")
    assert source.recipe.compute.pool == PoolId(id=pool)
    return choose_pool(source, read_settings(None, {"SCENEFLEET_AZURE_IMAGE": IMAGE}))


def make(client: Any, pool: str, **changes: Any) -> None:
    body = {
        "id": pool,
        "vmSize": "Standard_D8ds_v5",
        "taskSlotsPerNode": 6,
        "targetDedicatedNodes": 0,
        "virtualMachineConfiguration": {**LINUX, "containerConfiguration": CONTAINERS},
        **changes,
    }
    client.create_pool(models.BatchPoolCreateOptions(body))


def test_the_pools_own_slots_are_taken_and_nothing_is_changed(client: Any, tmp_path: Path) -> None:
    make(client, "theirs")
    before = client.get_pool("theirs").as_dict()
    fleet = Fleet(client, here=False)
    choice = fleet.read_pool(chosen(tmp_path, "theirs"))
    assert (choice.id, choice.slots, choice.cores) == ("theirs", 6, 8)
    assert "az batch pool resize --pool-id theirs" in str(choice.note)
    assert not fleet.ensure_pool(choice)
    assert client.get_pool("theirs").as_dict() == before


def test_a_pool_that_is_not_there_is_never_made(client: Any, tmp_path: Path) -> None:
    fleet = Fleet(client, here=False)
    for verb in (fleet.ensure_pool, fleet.read_pool):
        with pytest.raises(FleetError, match="this Batch account has none of that id"):
            verb(chosen(tmp_path, "nowhere"))
    assert fleet.pool_slots("nowhere") is None


def test_all_that_does_not_fit_is_said_at_once(client: Any, tmp_path: Path) -> None:
    make(client, "bare", virtualMachineConfiguration=LINUX, vmSize="Standard_D1_v2",
         taskSlotsPerNode=4)  # fmt: skip
    choice = chosen(tmp_path, "bare", "resources: {memory: 8GB}")
    with pytest.raises(FleetError) as caught:
        Fleet(client, here=False).ensure_pool(choice)
    first, *lines = str(caught.value).splitlines()
    assert first.endswith("nothing of it was changed:")
    assert [line.split(":")[0].strip() for line in lines] == ["containers", "tasks on a node"]


def test_doctor_and_plan_read_the_pool(
    running: Running, client: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(client, "read")
    text = "version: 1\nname: a\nsearch: {catalog: none.json}\n"
    text += "compute: {backend: azure, pool: {id: read}}\n"
    path, settings = tmp_path / "recipe.yaml", tmp_path / "settings.toml"
    path.write_text(text)
    settings.write_text(
        f"[azure]\nbatch_endpoint = {json.dumps(running.endpoint)}\n"
        f"batch_account = {json.dumps(running.account)}\nbatch_key = {json.dumps(running.key)}\n"
        f"image = {json.dumps(IMAGE)}\n"
    )
    (batch,) = (check for check in examine(path, settings) if check.name == "batch")
    assert batch.verdict == "note"
    assert "pool read exists, 6 tasks at once on a node" in batch.text
    assert "az batch pool resize --pool-id read" in batch.text
    choice = say_slots(RecipeFile(parse(text, path), path, text), read_settings(settings, {}))
    assert (choice.slots, choice.cores) == (6, 8)
    assert "az batch pool resize --pool-id read" in capsys.readouterr().err


def test_jobs_and_nodes_are_looked_at(client: Any, tmp_path: Path) -> None:
    make(client, "shared", targetDedicatedNodes=2)
    for job, state in (("mine", None), ("yours", None), ("done", "ended")):
        client.create_job(models.BatchJobCreateOptions(
            id=job, pool_info=models.BatchPoolInfo(pool_id="shared")))  # fmt: skip
        if state:
            client.begin_terminate_job(job, options={"terminateReason": "over"}).wait()
    other = models.BatchPoolInfo(pool_id="elsewhere")
    make(client, "elsewhere")
    client.create_job(models.BatchJobCreateOptions(id="elsewhere", pool_info=other))
    choice = Fleet(client, here=False).read_pool(chosen(tmp_path, "shared"))
    assert choice.nodes == 2
    (said,) = (note for note in choice.notes if "active jobs" in note)
    assert said.startswith("pool shared: 2 active jobs have it already (mine, yours)")


def test_a_pool_that_is_deleted_is_refused(client: Any, tmp_path: Path) -> None:
    make(client, "going", targetDedicatedNodes=1)
    deleting = client.begin_delete_pool("going")
    try:
        with pytest.raises(FleetError, match=r"going is being deleted|has none of that id"):
            Fleet(client, here=False).read_pool(chosen(tmp_path, "going"))
    finally:
        deleting.wait()


@pytest.mark.parametrize(
    ("sku", "said"), [("2404", None), ("1804", "1804 is not one that Azure Batch lists")]
)
def test_a_system_that_batch_left_is_said(
    client: Any, tmp_path: Path, sku: str, said: str | None
) -> None:
    body = {"id": "x", "virtualMachineConfiguration": {
        "imageReference": {**LINUX["imageReference"], "sku": sku}}}  # fmt: skip
    seen = look_at(client, body)
    assert (seen.support is None) == (said is None)
    assert said is None or said in str(seen.support)
    own = {"imageReference": {"virtualMachineImageId": "/subscriptions/s/x"}}
    assert look_at(client, {"id": "x", "virtualMachineConfiguration": own}).support is None


def test_what_may_not_be_read_holds_nothing_up(
    running: Running, client: Any, tmp_path: Path
) -> None:
    make(client, "closed")
    running.admin.fail_requests(403, "AuthorizationPermissionMismatch", path="/jobs")
    running.admin.fail_requests(403, path="/pools/closed/nodes")
    notes = Fleet(client, here=False).read_pool(chosen(tmp_path, "closed")).notes
    unread = [note for note in notes if "not all of it could be read" in note]
    assert len(unread) == 2
    assert any("reading pool closed" in note for note in unread)
    assert any("listing the jobs on pool closed" in note for note in unread)
