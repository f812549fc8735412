"""Runs survive their clients: killed, interrupted, cancelled, started twice. Nothing is redone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SEARCH = "{{catalog: '{url}', collections: [sentinel-2-l2a]}}"


def running(desk: Any) -> int:
    """How many tasks of the folder's run are running now; none before there is a run."""
    there = (desk.folder / "results/runs").is_dir() and desk.json("list")
    return desk.json("status")["counts"]["running"] if there else 0


def results(desk: Any, name: str) -> set[str]:
    return {path.parent.name for path in (desk.products / name).glob("*/*.json")}


def attempts(desk: Any) -> list[Path]:
    return sorted((desk.folder / "results/runs").glob("*/logs/*/*/result.json"))


def children_of(folder: Path) -> list[str]:
    """Processes that work in a folder: the emulator's tasks, and the emulator itself."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            command = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:  # gone meanwhile
            continue
        if str(folder).encode() in environment and int(process.name) != os.getpid():
            found.append(command)
    return found


def test_a_killed_client_leaves_nothing_behind_and_the_next_goes_on(
    archive: Path,
    serve: Callable[[Path], Any],
    fault: type[Any],
    desk: Any,
    wait_for: Callable[..., None],
) -> None:
    server = serve(archive)
    last = json.loads((archive / "items.json").read_text())["features"][-1]["id"]
    server.faults = {f"data/{last}/B04.tif": fault(hang=30, times=1)}
    desk.write("killed", SEARCH.format(url=server.url("items.json")), "compute: {slots: 2}")
    with desk.start("run") as process:
        wait_for(lambda: len(results(desk, "killed")) >= 2)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    wait_for(lambda: not children_of(desk.folder))
    before = results(desk, "killed")
    tried = attempts(desk)
    status = desk.json("status")
    assert status["state"] == "running"
    assert status["counts"]["done"] == len(before)

    server.faults = {}
    run = desk.json("run")
    assert run["state"] == "done"
    assert run["counts"]["done"] == 12
    redone = [path for path in attempts(desk) if path not in tried]
    assert len(redone) == 12 - len(before), "a finished scene was computed again"


@pytest.mark.long
@pytest.mark.parametrize("victim", ["node/agent.py", "batch_emulator serve"])
def test_what_a_lost_agent_or_emulator_cut_off_is_redone_by_the_same_run(
    archive: Path,
    serve: Callable[[Path], Any],
    fault: type[Any],
    desk: Any,
    wait_for: Callable[..., None],
    victim: str,
) -> None:
    server = serve(archive)
    names = [one["id"] for one in json.loads((archive / "items.json").read_text())["features"]]
    server.faults = {f"data/{names[3]}/B04.tif": fault(hang=30, times=1)}
    search = SEARCH.format(url=server.url("items.json")).replace("}", ", limit: 4}")
    desk.write("lost", search, "compute: {slots: 1}")
    with desk.start("run") as process:
        wait_for(lambda: len(results(desk, "lost")) == 3)
        wait_for(lambda: running(desk) == 1)
        os.kill(process_of(desk.folder, victim), signal.SIGKILL)
        code = process.wait(timeout=60)
    if "agent" in victim:
        assert code == 5
        assert f"cut off: {names[3]}" in desk.said
    else:
        assert code == 1
        assert "emulator (process" in desk.said
        assert "was ended by SIGKILL" in desk.said
    assert desk.json("status")["counts"] == {"waiting": 1, "running": 0, "done": 3, "failed": 0}
    server.faults = {}
    assert desk.json("run")["state"] == "done"


def process_of(folder: Path, words: str) -> int:
    """The process that works for a folder's run and whose command line has these words."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            mine = str(folder).encode() in (process / "environ").read_bytes()
            command = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:  # gone meanwhile
            continue
        if mine and words in command:
            found.append(int(process.name))
    (one,) = found
    return one


@pytest.mark.long
def test_ctrl_c_cancels_and_the_same_run_goes_on(
    archive: Path,
    serve: Callable[[Path], Any],
    fault: type[Any],
    desk: Any,
    wait_for: Callable[..., None],
) -> None:
    server = serve(archive)
    last = json.loads((archive / "items.json").read_text())["features"][-1]["id"]
    server.faults = {f"data/{last}/B04.tif": fault(hang=30, times=1)}
    desk.write("stopped", SEARCH.format(url=server.url("items.json")), "compute: {slots: 2}")
    with desk.start("run") as process:
        wait_for(lambda: len(results(desk, "stopped")) >= 1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 5
    assert "cancel" in desk.said
    assert "Traceback" not in desk.said
    wait_for(lambda: not children_of(desk.folder))
    before = results(desk, "stopped")
    assert desk.json("status")["state"] == "cancelled"
    server.faults = {}
    run = desk.json("run")
    assert run["state"] == "done"
    assert before <= results(desk, "stopped")


@pytest.mark.long
def test_the_same_run_in_a_second_terminal_follows_the_first(
    archive: Path,
    serve: Callable[[Path], Any],
    fault: type[Any],
    desk: Any,
    wait_for: Callable[..., None],
) -> None:
    server = serve(archive)
    first = json.loads((archive / "items.json").read_text())["features"][0]["id"]
    server.faults = {f"data/{first}/B04.tif": fault(hang=6, times=1)}
    search = SEARCH.format(url=server.url("items.json")).replace("}", ", limit: 3}")
    desk.write("twice", search, "compute: {slots: 1}")
    with desk.start("run") as process:
        wait_for(lambda: running(desk) == 1)
        assert "still running" in desk.run("retry", code=2).stderr
        second = desk.json("run")
        assert second["state"] == "done"
        assert process.wait(timeout=60) == 0
    assert len(attempts(desk)) == 3, "a scene was computed twice"


@pytest.mark.long
def test_a_second_terminal_sees_and_cancels(
    archive: Path,
    serve: Callable[[Path], Any],
    fault: type[Any],
    desk: Any,
    wait_for: Callable[..., None],
) -> None:
    server = serve(archive)
    slow = json.loads((archive / "items.json").read_text())["features"][1]["id"]
    server.faults = {f"data/{slow}/B04.tif": fault(hang=25, times=1)}
    desk.write("two", SEARCH.format(url=server.url("items.json")), "compute: {slots: 1}")
    with desk.start("run") as process:
        wait_for(lambda: len(results(desk, "two")) >= 1)
        wait_for(lambda: desk.json("status")["counts"]["running"] == 1)
        assert slow in desk.run("logs", desk.json("list")[0]["id"], slow).stdout
        assert desk.json("cancel")["state"] == "cancelled"
        assert process.wait(timeout=60) == 5
    assert desk.json("status")["state"] == "cancelled"


@pytest.mark.long
def test_the_same_bytes_on_another_folder(archive: Path, desk: Any) -> None:
    desk.write("same", SEARCH.format(url=archive / "items.json"))
    desk.run("run")
    desk.write("same", SEARCH.format(url=archive / "items.json"), "output: {store: ./other}")
    desk.run("run")
    files = {p.relative_to(desk.products): p for p in desk.products.rglob("*") if p.is_file()}
    assert len(files) == 12 * 4 + 1
    for path, file in files.items():
        assert (desk.folder / "other/products" / path).read_bytes() == file.read_bytes(), path


@pytest.mark.long
def test_a_damaged_output_is_computed_again_and_only_it(archive: Path, desk: Any) -> None:
    desk.write("healed", SEARCH.format(url=archive / "items.json"))
    desk.run("run")
    folders = sorted(p for p in (desk.products / "healed").iterdir() if p.is_dir())
    data = (folders[3] / "ndvi.tif").read_bytes()
    (folders[3] / "ndvi.tif").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    (folders[5] / "reason.tif").unlink()
    tried = attempts(desk)
    run = desk.json("run")
    assert run["state"] == "done"
    assert len(attempts(desk)) == len(tried) + 2
    assert (folders[3] / "ndvi.tif").read_bytes() == data


@pytest.mark.long
def test_a_changed_recipe_computes_only_what_changed(archive: Path, desk: Any) -> None:
    search = SEARCH.format(url=archive / "items.json")
    desk.write("grows", search.replace("}", ", limit: 3}"))
    first = desk.json("run")
    desk.write("grows", search.replace("}", ", limit: 5}"))
    second = desk.json("run")
    assert first["id"] != second["id"]
    assert second["counts"]["done"] == 5
    assert len(attempts(desk)) == 5


@pytest.mark.long
def test_two_runs_started_at_once_compute_each_scene_once(archive: Path, desk: Any) -> None:
    search = SEARCH.format(url=archive / "items.json").replace("}", ", limit: 4}")
    desk.write("race", search, "compute: {slots: 1}")
    with desk.start("run") as first:
        second = desk.run("run")
        assert first.wait(timeout=60) == 0
    assert "done" in second.stderr
    assert len(attempts(desk)) == 4, "a scene was computed twice"


@pytest.mark.long
def test_another_recipe_of_the_same_name_waits_for_the_first(
    archive: Path,
    serve: Callable[[Path], Any],
    fault: type[Any],
    desk: Any,
    wait_for: Callable[..., None],
) -> None:
    server = serve(archive)
    slow = json.loads((archive / "items.json").read_text())["features"][0]["id"]
    server.faults = {f"data/{slow}/B04.tif": fault(hang=90, times=1)}
    search = SEARCH.format(url=server.url("items.json"))
    desk.write("shared", search.replace("}", ", limit: 3}"), "process: {indices: [ndvi]}")
    with desk.start("run") as process:
        wait_for(lambda: running(desk))
        first = desk.json("list")[0]["id"]
        desk.write("shared", search.replace("}", ", limit: 2}"), "process: {indices: [ndwi]}")
        refused = desk.run("run", code=2)
        assert f"{first} is still running" in refused.stderr
        assert f"scenefleet cancel {first} --store {desk.folder / 'results'}" in refused.stderr
        assert [run["id"] for run in desk.json("list")] == [first], "refused, so it is no run"
        (desk.folder / "link").symlink_to(desk.folder / "results")
        recipe = desk.folder / "recipe.yaml"
        recipe.write_text(recipe.read_text() + "output: {store: ./link}\n")
        assert f"{first} is still running" in desk.run("run", code=2).stderr
        desk.run("cancel", first)
        assert process.wait(timeout=60) == 5
    assert desk.json("run")["state"] == "done"
    assert not list(desk.folder.glob("home/s/**/*.json")), "where an emulator was"


@pytest.mark.long
def test_of_two_recipes_of_one_name_started_at_once_one_runs(archive: Path, desk: Any) -> None:
    search = SEARCH.format(url=archive / "items.json").replace("}", ", limit: 3}")
    desk.write("both", search, "process: {indices: [ndvi]}")
    (desk.folder / "recipe.yaml").rename(desk.folder / "first.yaml")
    desk.write("both", search, "process: {indices: [ndwi]}")
    with desk.start("run", "first.yaml") as first:
        second = desk.run("run", code=None)
        codes = sorted([first.wait(timeout=60), second.returncode])
    # one after the other where the machine was slow to start the second
    assert codes in ([0, 0], [0, 2]), second.stderr


@pytest.mark.long
def test_a_submission_cut_off_before_its_end_is_ended_by_the_next_run(
    archive: Path, on_azure: Any, wait_for: Callable[..., None]
) -> None:
    search = SEARCH.format(url=archive / "items.json").replace("}", ", limit: 2}")
    store = "output: {store: 'az://devstoreaccount1/cutoff'}\n"
    on_azure.write("cutoff", search, "compute: {backend: azure}\n" + store)

    # a client that is killed after its last task went out and before it let the job end
    program = (
        "import os, signal, sys\n"
        "from scenefleet.cli.main import main\n"
        "from scenefleet.fleet import submit\n"
        "submit.close_job = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.argv = ['scenefleet', 'run', '--yes']\n"
        "main()\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program],
        cwd=on_azure.folder,
        env={**os.environ, **on_azure.environment},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    wait_for(lambda: on_azure.json("status")["counts"]["done"] == 2, 120)
    assert on_azure.json("list")[0]["state"] == "running", "its job was never let end"
    run = on_azure.json("run")
    assert run["state"] == "done"
    assert "nothing to submit" in on_azure.said
    assert on_azure.json("status")["state"] == "done"
    assert len(run["jobs"]) == 1
    assert "nothing to submit" in on_azure.run("run").stderr
