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
from scenefleet.fleet.existing_pool import Need, misfits, remarks
from scenefleet.fleet.fleet import Fleet
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
HIDDEN = {"publicIPAddressConfiguration": {"provision": "noPublicIPAddresses"}}


@pytest.mark.parametrize(
    ("pool", "wanted", "said"),
    [
        (answered(**FIXED), need(), "az batch pool resize --pool-id theirs"),
        (answered(networkConfiguration=HIDDEN), need(), "no public address"),
        (answered(vmSize="standard_x9"), need(), "memory of standard_x9 is not known"),
        (answered(), need(resources=Resources(threads=2)), "on 4 cores"),
        (answered(), need(image="other.io/a:1"), "only if other.io asks for no sign-in"),
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


def test_max_nodes_of_a_pool_that_is_used_as_it_is_is_told(tmp_path: Path) -> None:
    settings = read_settings(None, {})
    compute = "compute: {backend: azure, pool: {id: a}"
    assert choose_pool(recipe(tmp_path, compute + "}"), settings).note is None
    note = choose_pool(recipe(tmp_path, compute + ", max_nodes: 3}"), settings).note
    assert "`compute.max_nodes` does not change" in str(note)


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
