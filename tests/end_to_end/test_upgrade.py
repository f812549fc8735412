"""After an upgrade: what an earlier version finished is counted, priced and asked about."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scenefleet_task import spec

Json = dict[str, Any]
SCENEFLEET = str(Path(sys.executable).with_name("scenefleet"))
SEARCH = "{{catalog: '{archive}/items.json', collections: [sentinel-2-l2a], limit: 4}}"


@pytest.fixture(scope="module")
def season(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of four scenes, computed once."""
    folder = tmp_path_factory.mktemp("season")
    search = SEARCH.format(archive=archive)
    (folder / "recipe.yaml").write_text(f"version: 1\nname: season\nsearch: {search}\n")
    environment = {**os.environ, "HOME": str(folder / "home")}
    subprocess.run([SCENEFLEET, "run"], cwd=folder, env=environment, check=True, timeout=170)
    return folder / "results"


@pytest.fixture
def computed(desk: Any, archive: Path, season: Path) -> Any:
    """A desk where four scenes are done."""
    desk.write("season", SEARCH.format(archive=archive))
    shutil.copytree(season, desk.folder / "results")
    return desk


def made_by(desk: Any, version: object, count: int = 3) -> None:
    """Rewrites some items as a task of another version leaves them: its id is another, too."""
    for path in sorted(desk.products.glob("season/*/*.json"))[:count]:
        item = json.loads(path.read_text())
        item["properties"]["scenefleet:task"] = "0" * 20
        item["properties"]["processing:software"]["scenefleet_task"] = version
        path.write_text(json.dumps(item))


def state(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def answer(desk: Any, text: str, *arguments: str) -> tuple[int, str]:
    """Runs the command line on a terminal of its own, where `text` is typed."""
    terminal, end = pty.openpty()
    command = [SCENEFLEET, *arguments]
    environment = {**os.environ, "HOME": str(desk.folder / "home")}
    os.write(terminal, text.encode())
    try:
        done = subprocess.run(
            command, cwd=desk.folder, stdin=end, env=environment, capture_output=True, text=True,
            timeout=170, check=False,
        )  # fmt: skip
    finally:
        os.close(terminal)
        os.close(end)
    return done.returncode, done.stderr


@pytest.mark.long
def test_plan_counts_and_prices_what_an_earlier_version_finished(computed: Any) -> None:
    assert "computed anew" not in computed.run("plan").stderr
    made_by(computed, str(spec.VERSION - 1))
    before = state(computed.folder / "results")
    told = computed.run("plan").stderr
    assert "3 finished scenes were made by an earlier version of scenefleet" in told
    assert f"(version of the task {spec.VERSION - 1}; this is {spec.VERSION})" in told
    assert "3 tasks: reads about" in told
    (one,) = computed.json("plan")["anew"]
    assert (one["cause"], one["estimate"]["tasks"]) == ("earlier version", 3)
    assert state(computed.folder / "results") == before


@pytest.mark.long
def test_run_asks_and_a_no_leaves_everything_as_it_is(computed: Any) -> None:
    made_by(computed, str(spec.VERSION - 1))
    before = state(computed.folder / "results")
    refused = computed.run("run", code=2).stderr
    assert "3 finished scenes were made by an earlier version" in refused
    assert "--yes" in refused
    assert "another `name`" in refused
    code, said = answer(computed, "n\n", "run")
    assert (code, "Compute 3 finished scenes anew?" in said) == (5, True), said
    code, _ = answer(computed, "\n", "run")
    assert code == 5, "no is the default"
    assert state(computed.folder / "results") == before
    code, said = answer(computed, "y\n", "run")
    assert (code, "4 scenes done" in said) == (0, True), said
    assert "computed anew" not in computed.run("plan").stderr


@pytest.mark.long
def test_yes_goes_on_without_a_terminal(computed: Any) -> None:
    made_by(computed, str(spec.VERSION - 1), count=1)
    done = computed.run("run", "--yes").stderr
    assert "1 finished scene was made by an earlier version" in done
    assert "may differ. It is computed anew" in done
    assert "submitted 1 task; 3 done already" in done
    assert "nothing to submit" in computed.run("run").stderr


@pytest.mark.parametrize(
    ("version", "words"),
    [(str(spec.VERSION + 1), "a later version"), (None, "an earlier version"), ([], "an earlier")],
)
@pytest.mark.long
def test_other_versions(computed: Any, version: object, words: str) -> None:
    made_by(computed, version)
    assert f"3 finished scenes were made by {words}" in computed.run("plan").stderr
    computed.run("run", code=2)


@pytest.mark.long
def test_what_is_not_whole_is_no_finished_output(computed: Any) -> None:
    made_by(computed, str(spec.VERSION - 1))
    for folder in sorted((computed.products / "season").glob("*/"))[:3]:
        (folder / "ndvi.tif").write_bytes(b"cut")
    assert "computed anew" not in computed.run("plan").stderr
    computed.run("run")


def test_a_new_index_is_told_and_not_asked_about(computed: Any, archive: Path) -> None:
    computed.write("season", SEARCH.format(archive=archive), "process: {indices: [ndvi, ndwi]}")
    told = computed.run("plan").stderr
    assert (
        "4 finished scenes of this name were made by other tasks, of a recipe without ndwi" in told
    )
    (one,) = computed.json("plan")["anew"]
    assert (one["cause"], one["estimate"]["tasks"]) == ("other recipe", 4)
    done = computed.run("run").stderr
    assert "of a recipe without ndwi" in done
    assert "4 scenes done" in done
    assert "computed anew" not in computed.run("plan").stderr


@pytest.mark.parametrize(
    ("process", "keys"),
    [
        ("{negative: mask}", ["process.negative: keep -> mask"]),
        ("{mask: none, clip: true}", ["process.mask.kinds: [clouds, shadows] -> []",
                                      "process.clip: false -> true"]),
        ("{indices: [ndvi, ndwi]}", ["process.indices: [ndvi] -> [ndvi, ndwi]"]),
    ],
)  # fmt: skip
@pytest.mark.long
def test_the_key_that_was_changed_is_named(
    computed: Any, archive: Path, process: str, keys: list[str]
) -> None:
    search = SEARCH.format(archive=archive)
    if "clip" in process:
        search = search.replace("{", "{bbox: [4, 51, 6, 53], ", 1)
    computed.write("season", search, f"process: {process}")
    told = computed.run("plan").stderr
    assert all(f"`{key}`" in told for key in keys), told
    assert set(keys) <= set(computed.json("plan")["anew"][0]["changed"])
    (folder,) = (computed.folder / "results/runs").iterdir()
    (folder / "recipe.yaml").unlink()
    told = computed.run("plan").stderr
    assert "were made by other tasks" in told
    assert keys[0] not in told


@pytest.mark.long
def test_plan_prices_what_is_left(computed: Any) -> None:
    told = computed.run("plan").stderr
    assert "4 of 4 tasks are done already; left: none to submit" in told
    for folder in sorted((computed.products / "season").glob("*/"))[:1]:
        (folder / "ndvi.tif").unlink()
    told = computed.run("plan").stderr
    assert "3 of 4 tasks are done already; left: 1 task: reads about" in told
    found = computed.json("plan")
    assert (found["left"]["done"], found["left"]["failed"], found["left"]["tasks"]) == (3, 0, 1)
    assert found["left"]["estimate"]["tasks"] == 1
    assert found["estimate"]["tasks"] == 4
    assert found["left"]["estimate"]["bytes_in"] < found["estimate"]["bytes_in"]


@pytest.mark.long
def test_both_causes_are_told_apart(computed: Any, archive: Path) -> None:
    made_by(computed, str(spec.VERSION - 1), count=1)
    computed.write("season", SEARCH.format(archive=archive), "process: {mask: none}")
    told = computed.run("plan").stderr
    assert "1 finished scene was made by an earlier version" in told
    assert "3 finished scenes of this name were made by other tasks, whose recipe" in told


@pytest.mark.long
def test_an_earlier_versions_run_is_named_as_that(computed: Any) -> None:
    (path,) = (computed.folder / "results/runs").glob("*/plan.jsonl")
    text = path.read_text().splitlines()
    lines = [json.loads(line) | {"version": spec.VERSION - 1} for line in text]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for verb in ("status", "report", "retry"):
        told = computed.run(verb, code=1).stderr
        assert f"of version {spec.VERSION - 1}" in told
        assert "damaged" not in told


@pytest.mark.long
def test_plan_needs_no_answer_of_the_store(computed: Any, archive: Path) -> None:
    more = "output: {store: 'az://account/season'}"
    computed.write("season", SEARCH.format(archive=archive), more)
    computed.environment |= {
        "SCENEFLEET_AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:9/account",
        "SCENEFLEET_AZURE_STORAGE_KEY": "bm9uZQ==",
    }
    told = computed.run("plan").stderr
    assert "which scenes are finished in az://account/season is not known: " in told
