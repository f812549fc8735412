"""What cannot be read fails alone: the other scenes stand, the reason is told, retry redoes it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SEARCH = "{{catalog: '{url}', collections: [sentinel-2-l2a], limit: 5}}"
QUICK = "compute: {retries: 0}"


def names(folder: Path) -> list[str]:
    features = json.loads((folder / "items.json").read_text())["features"]
    return [feature["id"] for feature in features[:5]]


def path_of(name: str, band: str = "B04") -> str:
    return f"data/{name}/{band}.tif"


def test_bad_sources_fail_alone_and_retry_redoes_only_them(
    archive: Path, serve: Callable[[Path], Any], fault: type[Any], desk: Any
) -> None:
    server = serve(archive)
    missing, denied, short, broken, fine = names(archive)
    size = (archive / path_of(short)).stat().st_size
    server.faults = {
        path_of(missing): fault(status=404),
        path_of(denied, "SCL"): fault(status=403),
        path_of(short): fault(truncate=size // 2),
        path_of(broken, "B08"): fault(corrupt=range(size // 3, size // 3 + 4000)),
    }
    desk.write("faults", SEARCH.format(url=server.url("items.json")), QUICK)
    run = desk.json("run", code=3)
    assert run["state"] == "partial"
    by_name = {scene["item"]: scene for scene in run["scenes"]}
    exits = {name: by_name[name]["exit"] for name in names(archive)}
    assert exits == {
        missing: "source_missing",
        denied: "source_denied",
        short: "source_unreadable",
        broken: "source_unreadable",
        fine: "done",
    }
    for name, asset, word in ((missing, "B04", "404"), (denied, "SCL", "403"), (short, "B04", "")):
        message = by_name[name]["message"]
        assert asset in message, message
        assert word in message, message
    done = desk.items("faults")
    assert set(done) == {fine}
    assert missing in desk.run("logs").stderr
    assert "404" in desk.run("logs").stdout

    # the same run again submits nothing: what failed is for retry
    again = desk.json("run", code=3)
    assert "nothing to submit" in desk.said
    assert again["jobs"] == run["jobs"]

    server.faults = {}
    server.requests.clear()
    retried = desk.json("retry")
    assert retried["state"] == "done"
    assert retried["counts"]["done"] == 5
    assert server.count(path_of(fine)) == 0, "a finished scene was computed again"
    assert [scene["attempts"] for scene in retried["scenes"]] == [2, 2, 2, 2, 1]


def test_a_service_that_is_busy_for_a_moment_is_waited_for(
    archive: Path, serve: Callable[[Path], Any], fault: type[Any], desk: Any
) -> None:
    server = serve(archive)
    name = names(archive)[0]
    server.faults = {path_of(name): fault(status=503, times=2)}
    search = SEARCH.format(url=server.url("items.json")).replace("limit: 5", "limit: 1")
    desk.write("busy", search, QUICK)
    assert desk.json("run")["state"] == "done"
    assert server.count(path_of(name)) > 2


def test_an_id_that_would_leave_the_folder_does_not(archive: Path, desk: Any) -> None:
    items = json.loads((archive / "items.json").read_text())
    item = items["features"][0]
    item["id"] = "../../../escape"
    for asset in item["assets"].values():
        asset["href"] = str(archive / asset["href"])
    items["features"] = [item]
    (desk.folder / "items.json").write_text(json.dumps(items))
    desk.write("escape", "{catalog: items.json, collections: [sentinel-2-l2a]}")
    before = {p for p in desk.folder.parent.rglob("*") if desk.folder not in p.parents}
    run = desk.json("run")
    assert run["state"] == "done"
    after = {p for p in desk.folder.parent.rglob("*") if desk.folder not in p.parents}
    assert after == before
    (folder,) = [p for p in (desk.products / "escape").iterdir() if p.is_dir()]
    assert "/" not in folder.name
    assert not folder.name.startswith(".")


def test_a_disk_that_is_full(archive: Path, desk: Any, small_disk: Callable[[str], Path]) -> None:
    results = small_disk("900k")
    store = f"{QUICK}\noutput: {{store: '{results}'}}"
    desk.write("full", SEARCH.format(url=archive / "items.json"), store)
    done = desk.run("run", code=None)
    assert done.returncode in (1, 3), done.stderr
    assert "full" in done.stderr
    stood = {path.parent.name for path in results.glob("products/full/*/*.json")}
    subprocess.run(["mount", "-o", "remount,size=100m", str(results)], check=True)
    run = desk.json("run")  # no `retry`: a full disk is no failure of the scene
    assert run["state"] == "done"
    now = {path.parent.name for path in results.glob("products/full/*/*.json")}
    assert len(now) == 5
    assert stood <= now


def test_a_store_without_permission(archive: Path, desk: Any) -> None:
    if os.geteuid() == 0:
        # root may write anywhere but here
        desk.write(
            "locked", SEARCH.format(url=archive / "items.json"), "output: {store: /proc/none}"
        )
    else:
        (desk.folder / "results").mkdir(mode=0o500)
        desk.write("locked", SEARCH.format(url=archive / "items.json"))
    done = desk.run("run", code=None)
    assert done.returncode in (1, 4)
    assert "store" in done.stderr or "written" in done.stderr


def test_a_wrong_batch_key(on_azure: Any, archive: Path) -> None:
    wrong = "d3Jvbmcta2V5LW9mLXRoZS1lbXVsYXRvci1mb3ItdGVzdA=="
    on_azure.environment["SCENEFLEET_AZURE_BATCH_KEY"] = wrong
    search = SEARCH.format(url=archive / "items.json")
    on_azure.write(
        "denied",
        search,
        "compute: {backend: azure}\noutput: {store: 'az://devstoreaccount1/denied'}",
    )
    done = on_azure.run("run", "--yes", code=4)
    assert "batch_key" in done.stderr
    assert wrong not in done.stderr
    on_azure.environment["SCENEFLEET_AZURE_STORAGE_KEY"] = wrong
    done = on_azure.run("run", "--yes", code=4)
    assert "storage_key" in done.stderr


@pytest.mark.long
def test_a_pool_that_differs_is_a_conflict_that_says_how(on_azure: Any, archive: Path) -> None:
    search = SEARCH.format(url=archive / "items.json").replace("limit: 5", "limit: 1")
    store = "output: {store: 'az://devstoreaccount1/conflict'}\n"
    on_azure.write("one", search, "compute: {backend: azure, max_nodes: 2}\n" + store)
    on_azure.run("run", "--yes")
    on_azure.write("two", search, "compute: {backend: azure, max_nodes: 3}\n" + store)
    done = on_azure.run("run", "--yes", code=1)
    assert "scenefleet-spot" in done.stderr
    assert "autoScaleFormula" in done.stderr


@pytest.mark.long
def test_spending_money_asks_unless_nothing_is_left(on_azure: Any, archive: Path) -> None:
    search = SEARCH.format(url=archive / "items.json").replace("limit: 5", "limit: 1")
    store = "output: {store: 'az://devstoreaccount1/asked'}\n"
    on_azure.write("asked", search, "compute: {backend: azure}\n" + store)
    done = on_azure.run("run", code=2)
    assert "--yes" in done.stderr
    assert "budget" in done.stderr
    assert on_azure.json("run", "--yes")["state"] == "done"
    assert on_azure.json("run")["state"] == "done"


@pytest.mark.long
def test_the_same_recipe_in_two_stores_is_two_runs(on_azure: Any, archive: Path) -> None:
    search = SEARCH.format(url=archive / "items.json").replace("limit: 5", "limit: 2")
    jobs = set()
    for prefix in ("one", "two"):
        store = f"output: {{store: 'az://devstoreaccount1/stores/{prefix}'}}\n"
        on_azure.write("stores", search, "compute: {backend: azure}\n" + store)
        run = on_azure.json("run", "--yes")
        assert run["state"] == "done"
        jobs |= set(run["jobs"])
    assert len(jobs) == 2


@pytest.mark.long
def test_a_detached_run_is_settled_by_who_looks_later(
    on_azure: Any, archive: Path, wait_for: Callable[..., None]
) -> None:
    search = SEARCH.format(url=archive / "items.json").replace("limit: 5", "limit: 2")
    store = "output: {store: 'az://devstoreaccount1/detached'}\n"
    on_azure.write("detached", search, "compute: {backend: azure}\n" + store)
    assert on_azure.json("run", "--yes", "--detach")["state"] == "running"
    wait_for(lambda: on_azure.json("status")["state"] == "done", 120)
    assert on_azure.json("list")[0]["state"] == "done"
