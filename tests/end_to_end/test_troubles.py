"""What goes wrong on Azure ends in a sentence with the remedy, in whichever terminal one looks."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from batch_emulator.admin.client import Admin
from scenefleet.cli.selection import prepare
from scenefleet.fleet import open_fleet
from scenefleet.fleet.connection import Connection, connect
from scenefleet.fleet.local import local_pool
from scenefleet.recipe import read_recipe
from scenefleet.run import Ended, TaskChanged, create, submit, watch
from scenefleet.settings import read_settings
from scenefleet.store import NodeAccess
from scenefleet.store.blob import BlobStore

SEARCH = "{{catalog: '{url}', collections: [sentinel-2-l2a], limit: {limit}}}"


class WeakStore(BlobStore):
    """A store that gives its nodes a SAS which may read and list, and not write."""

    def node_access(self, hours: float) -> NodeAccess:
        given = dict(super().node_access(hours).environment)
        signature = self._signature(hours)
        given["SCENEFLEET_STORE_SAS"] = generate_container_sas(
            "devstoreaccount1",
            "weak",
            permission=ContainerSasPermissions(read=True, list=True),
            **signature,
        )
        return NodeAccess(given)


@pytest.mark.long
def test_a_sas_that_may_not_write_ends_in_role_or_firewall(on_azure: Any, archive: Path) -> None:
    on_azure.write(
        "weak",
        SEARCH.format(url=archive / "items.json", limit=2),
        "compute: {backend: azure}\noutput: {store: 'az://devstoreaccount1/weak'}",
    )
    source = read_recipe(on_azure.folder / "recipe.yaml")
    settings = read_settings(None, on_azure.environment)
    prepared = prepare(source, settings)
    store = WeakStore("az://devstoreaccount1/weak", settings.azure)
    store.prepare()
    run = create(store, source, prepared.plan, prepared.found.items)
    told: list[TaskChanged] = []
    with open_fleet(source, settings, key="weak") as fleet:
        documents = prepared.plan.documents
        run, _ = submit(store, fleet, run, documents, source=source, settings=settings)
        for event in watch(store, fleet, run, prepared.plan, interval=0.3):
            if isinstance(event, TaskChanged) and event.state == "failed":
                told.append(event)
            if isinstance(event, Ended):
                ended = event
    assert len(told) == 2
    for message in (told[0].message, ended.outcomes[0].message):
        assert "Storage Blob Data Contributor" in (message or "") or "firewall" in (message or "")
        assert "HTTP 403" in (message or "")
        assert "sig=" not in (message or "")
    assert {outcome.exit for outcome in ended.outcomes} == {"store_denied"}
    logs = on_azure.run("logs").stdout
    assert "store_denied" in logs
    assert "log and result are not in the store" in logs
    assert "no task has failed" not in on_azure.said


@pytest.fixture
def pool(batch: Any) -> Iterator[str]:
    """A pool of one node that others made, and that runs containers."""
    body = local_pool(1) | {"id": "mine"}
    machine = body["virtualMachineConfiguration"]
    machine["containerConfiguration"] = {"type": "dockerCompatible"}
    with connect(Connection(batch.endpoint, batch.account, batch.key)) as client:
        client.create_pool(body)
        yield "mine"


@pytest.mark.long
def test_a_detached_run_on_a_broken_pool(
    on_azure: Any, batch: Any, archive: Path, pool: str, wait_for: Any
) -> None:
    admin = Admin(batch.endpoint, batch.account, batch.key)
    with connect(Connection(batch.endpoint, batch.account, batch.key)) as client:
        wait_for(
            lambda: [
                str(n.state) for n in client.list_nodes(pool) if "idle" in str(n.state).lower()
            ]
        )
    admin.strike(pool, "unusable", count=1, error=("DiskFull", "There is not enough disk space"))
    on_azure.write(
        "broken",
        SEARCH.format(url=archive / "items.json", limit=2),
        f"compute: {{backend: azure, pool: {{id: {pool}}}, max_hours: 7}}\n"
        "output: {store: 'az://devstoreaccount1/broken'}",
    )
    said = on_azure.run("run", "--yes", "--detach").stderr
    assert "follow with: scenefleet watch broken-" in said
    assert "only compute.max_hours ends it, after 7 h" in said
    assert "compute.give_up_minutes" in said
    assert "compute.stop_after" in said

    status = on_azure.run("status").stderr
    assert "nodes: 0 of 1 can work (1 unusable)" in status
    assert "1 x DiskFull: There is not enough disk space" in status
    nodes = on_azure.json("status")["nodes"]
    assert nodes["counts"] == {"unusable": 1}
    assert nodes["broken_since"] is not None

    # the client that comes later does not begin to count anew
    admin.advance(timedelta(minutes=16))
    watched = on_azure.run("watch", code=3).stderr
    assert "could work for 15 minutes (compute.give_up_minutes)" in watched
    run = on_azure.json("status")
    assert run["state"] == "failed"
    assert "DiskFull" in run["stopped"]
    assert run["counts"] == {"waiting": 2, "running": 0, "done": 0, "failed": 0}


@pytest.mark.long
def test_a_submission_that_waits_is_cancelled_from_another_terminal(
    on_azure: Any, batch: Any, archive: Path, wait_for: Any
) -> None:
    admin = Admin(batch.endpoint, batch.account, batch.key)
    on_azure.write(
        "waits",
        SEARCH.format(url=archive / "items.json", limit=2),
        "compute: {backend: azure}\noutput: {store: 'az://devstoreaccount1/waits'}",
    )
    admin.set_quotas(active_jobs=0)
    said = on_azure.folder / "said.txt"
    with on_azure.start("run", "--yes") as process:
        wait_for(lambda: "ActiveJobAndScheduleQuotaReached" in said.read_text())
        status = on_azure.run("status")
        assert "running: 2 waiting" in status.stderr
        assert "held up  another command submits this run" in status.stderr
        assert "ActiveJobAndScheduleQuotaReached" in status.stderr
        assert on_azure.json("status")["state"] == "running", "looking does not settle it"
        assert on_azure.json("cancel")["state"] == "cancelled"
        admin.set_quotas(active_jobs=None)
        assert process.wait(timeout=90) == 5
    assert "was cancelled by another command" in on_azure.said
    with connect(Connection(batch.endpoint, batch.account, batch.key)) as client:
        assert [job.id for job in client.list_jobs(filter="state eq 'active'")] == []
    assert on_azure.json("status")["state"] == "cancelled"
    assert on_azure.json("run", "--yes")["state"] == "done"


@pytest.mark.long
def test_ctrl_c_while_nothing_is_submitted_yet_says_so(
    on_azure: Any, batch: Any, archive: Path, wait_for: Any
) -> None:
    admin = Admin(batch.endpoint, batch.account, batch.key)
    on_azure.write(
        "early",
        SEARCH.format(url=archive / "items.json", limit=1),
        "compute: {backend: azure}\noutput: {store: 'az://devstoreaccount1/early'}",
    )
    admin.set_quotas(active_jobs=0)
    said = on_azure.folder / "said.txt"
    with on_azure.start("run", "--yes") as process:
        wait_for(lambda: "ActiveJobAndScheduleQuotaReached" in said.read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 5
    assert "Nothing was submitted" in on_azure.said
    assert "goes on in Azure" not in on_azure.said
    run = on_azure.json("status")
    assert (run["state"], run["jobs"], run["submitting"]) == ("analysed", [], None)
