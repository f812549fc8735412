"""What somebody meets who has never used it: words that verbs take, stores, a run that is over."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from scenefleet.run import RunState, create, update
from scenefleet.store.folder import FolderStore
from small_run import PLAN, put_output, source

Cli = Callable[..., CompletedProcess[str]]
SCENEFLEET = str(Path(sys.executable).with_name("scenefleet"))
RECIPE = "version: 1\nname: test\nsearch: {{catalog: items.json, dates: 2023}}\n{more}"
NONE = '{"type": "FeatureCollection", "features": []}'


@pytest.fixture
def finished(tmp_path: Path) -> str:
    """The id of a run in `results`, beside no recipe."""
    store = FolderStore(tmp_path / "results")
    run = create(store, source(), PLAN, [])
    for one in PLAN.documents:
        put_output(store, one)
    return update(store, run, state=RunState.DONE, ended="2026-01-01T00:00:00Z").id


def test_a_run_is_found_beside_the_usual_store(cli: Cli, finished: str) -> None:
    for arguments in (("status",), ("status", finished), ("list",), ("logs", finished)):
        told = cli(*arguments)
        assert told.returncode == 0, told.stderr
        assert told.stderr.startswith("note: there is no recipe.yaml here; the store ./results is")
        assert finished in told.stdout + told.stderr


def test_without_either_the_recipes_that_are_there_are_named(cli: Cli, tmp_path: Path) -> None:
    assert "name the recipe by --recipe FILE, or its store" in cli("status").stderr
    (tmp_path / "fields.yaml").write_text(RECIPE.format(more=""))
    told = cli("status")
    assert told.returncode == 2
    assert "--recipe FILE (here is fields.yaml), or its store by --store ADDRESS" in told.stderr


@pytest.mark.parametrize("verb", ["search", "plan", "try", "run"])
def test_verbs_that_read_a_recipe_take_it_either_way(cli: Cli, tmp_path: Path, verb: str) -> None:
    (tmp_path / "fields.yaml").write_text(RECIPE.format(more=""))
    (tmp_path / "items.json").write_text(NONE)
    either = [cli(verb, *words) for words in (["fields.yaml"], ["--recipe", "fields.yaml"])]
    assert either[0].stderr == either[1].stderr
    assert "fields.yaml: no scene" in either[0].stderr
    both = cli(verb, "fields.yaml", "-r", "other.yaml")
    assert both.returncode == 2
    assert "fields.yaml and --recipe other.yaml: name one recipe" in both.stderr
    assert "recipe.yaml" in cli(verb).stderr


def test_a_run_that_is_over_is_not_cancelled(cli: Cli, finished: str) -> None:
    told = cli("cancel")
    assert told.returncode == 0
    assert told.stderr.splitlines()[-1] == (
        f"{finished} had ended already (done, 2026-01-01T00:00:00Z): there is nothing to cancel"
    )


def test_a_run_whose_files_are_gone_is_not_done(cli: Cli, tmp_path: Path, finished: str) -> None:
    shutil.rmtree(tmp_path / "results/products")
    told = cli("status")
    assert f"{finished}: outdated: 3 waiting" in told.stderr
    assert "lost     3 scenes were done and are so no more: 3 file missing" in told.stderr
    assert "next     scenefleet run FILE" in told.stderr
    as_json = json.loads(cli("status", "--json").stdout)
    assert (as_json["state"], as_json["counts"]["waiting"]) == ("outdated", 3)
    assert all(scene["lost"] for scene in as_json["scenes"])
    assert cli("watch").returncode == 3


@pytest.mark.parametrize("store", ["/proc/x", "items.json", "items.json/below"])
def test_a_store_that_can_be_none_is_told_of_before_anything(
    cli: Cli, tmp_path: Path, store: str
) -> None:
    (tmp_path / "items.json").write_text(NONE)
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(more=f"output: {{store: {store}}}"))
    told = cli("run")
    assert told.returncode == 1
    assert "cannot be a store" in told.stderr
    assert "Name another folder as `output.store`." in told.stderr
    assert "no scene" not in told.stderr, "the search, which may take long, comes after that"


@pytest.mark.parametrize("words", [("--version",), ("indices",), ("indices", "--json")])
def test_a_full_disk_is_named(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(
            [SCENEFLEET, *words],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert told.returncode == 1
    assert told.stderr == "error: standard output cannot be written: No space left on device\n"


AZURE = "compute: {backend: azure}\noutput: {store: 'az://account/container'}"


@pytest.mark.long
def test_doctor_names_all_that_a_run_on_azure_lacks(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "items.json").write_text(NONE)
    (tmp_path / "azure.yaml").write_text(RECIPE.format(more=AZURE))
    key = {"SCENEFLEET_AZURE_STORAGE_KEY": "a2V5", "SCENEFLEET_AZURE_BATCH_KEY": "a2V5"}
    endpoint = {"SCENEFLEET_AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:9/account"}
    told = cli("doctor", "--recipe", "azure.yaml", **key, **endpoint)
    rows = {line.split()[0]: line for line in told.stdout.splitlines()}
    assert rows["settings"].split()[1] == "wrong"
    assert "lacks `batch_endpoint` and `batch_account`" in rows["settings"]
    assert "not needed" not in told.stdout
    assert rows["batch"].split()[1] == "wrong"
    assert told.returncode == 4
    run = cli("run", "azure.yaml", **key)
    assert "lacks `batch_endpoint` and `batch_account`" in run.stderr
    assert "`scenefleet doctor --recipe FILE` checks the rest" in run.stderr


def test_rows_of_doctor_come_as_they_are_known(tmp_path: Path) -> None:
    (tmp_path / "items.json").write_text(NONE)
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(more=""))
    command = [SCENEFLEET, "doctor", "--recipe", "recipe.yaml"]
    environment = {**os.environ, "HOME": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        times = {line.split()[0]: time.monotonic() for line in process.stdout}
    names = [name.decode() for name in times]
    assert names[:6] == ["check", "scenefleet", "packages", "disk", "emulator", "settings"]
    # an emulator takes more than a moment to start; a table at the end would come in one piece
    assert times[b"emulator"] - times[b"scenefleet"] > 0.2
