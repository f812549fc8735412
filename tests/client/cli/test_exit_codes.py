"""Exit codes agree between verbs, and are those of the table in docs/runs.md."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from scenefleet.demo.acquisitions import ACQUISITIONS
from scenefleet.demo.archive import make_archive

Cli = Callable[..., CompletedProcess[str]]
PAGE = (Path(__file__).resolve().parents[3] / "docs/runs.md").read_text()
TABLE = {
    case: int(code)
    for case, code in re.findall(r"^\| (.+?) \| .+? \| (\d) \|$", PAGE, re.MULTILINE)
}
RECIPE = """
version: 1
name: {name}
search: {{catalog: items.json, collections: [sentinel-2-l2a]{search}}}
{more}
"""
AZURE = "compute: {backend: azure}\noutput: {store: 'az://account/container'}"
READERS = ("search", "plan", "try", "run")
OF_RUNS = ("list", "status", "logs", "retry", "watch", "cancel", "report", "fetch --to out")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    make_archive(folder, size=120, acquisitions=ACQUISITIONS[:1])
    return folder


@pytest.fixture
def folder(archive: Path, tmp_path: Path) -> Path:
    """Recipes of every kind: good, bad, without scenes, with a scene whose file is missing."""
    value = json.loads((archive / "items.json").read_text())
    for item in value["features"]:
        for asset in item["assets"].values():
            asset["href"] = str(archive / asset["href"])
    (tmp_path / "items.json").write_text(json.dumps(value))
    value["features"][0]["assets"]["B08"]["href"] = str(tmp_path / "missing.tif")
    (tmp_path / "broken.json").write_text(json.dumps(value))
    texts = {
        "good": ("", ""),
        "none": (", dates: 1999", ""),
        "bad": ("", "output: {dtype: in16}"),
        "away": ("", ""),
        "failing": ("", ""),
        "dear": ("", f"{AZURE}\nbudget: {{max_cost: 0.000001, node_price: 5}}"),
    }
    for name, (search, more) in texts.items():
        text = RECIPE.format(name=name, search=search, more=more)
        catalog = {"away": "nowhere.json", "failing": "broken.json"}.get(name, "items.json")
        (tmp_path / f"{name}.yaml").write_text(text.replace("items.json", catalog))
    (tmp_path / "results").mkdir()
    return tmp_path


COMMANDS: dict[str, tuple[str, ...]] = {
    "the recipe cannot be used": (
        *(f"{verb} bad.yaml" for verb in READERS),
        *(f"{verb} --recipe bad.yaml" for verb in (*OF_RUNS, "doctor")),
    ),
    "the search finds no scene": tuple(f"{verb} none.yaml" for verb in READERS),
    "the catalogue, the store or Batch refuses or does not answer": (
        *(f"{verb} away.yaml" for verb in READERS), "doctor --recipe away.yaml",
    ),
    "there is no such recipe": (
        *(f"{verb} nosuch.yaml" for verb in READERS),
        *(f"{verb} --recipe nosuch.yaml" for verb in (*OF_RUNS, "doctor")),
        *(f"{verb} nosuch.yaml" for verb in OF_RUNS if verb != "list"),
    ),
    "there is no such run, scene or index": (
        *(f"{verb} nosuch --store results" for verb in OF_RUNS if verb != "list"),
        "try good.yaml --item nosuch", "indices nosuch",
    ),
    "an option or a value that there is not": (
        "serch", "indices --domain nosuch", "indices --collection nosuch",
        *(f"{verb} --nosuch" for verb in (*READERS, *OF_RUNS, "doctor", "init", "demo")),
        *(f"{verb} good.yaml --radiometry nosuch" for verb in ("plan", "try", "run")),
        "list --store nosuch", "completion nosuch", "run good.yaml --detach",
    ),
}  # fmt: skip


def test_the_table_is_tested_whole() -> None:
    by_itself = {
        "all is done, or nothing is left to do", "a question, and no terminal to ask on",
        "some scenes failed, or all, or a rule ended the run", "Ctrl-C, or a no to a question",
        "the estimate is above the budget", "a credential is missing, wrong or too weak",
        "files of a run that was done are gone or replaced",
    }  # fmt: skip
    assert set(TABLE) == set(COMMANDS) | by_itself


@pytest.mark.parametrize(
    ("case", "command"), [(case, one) for case, all_ in COMMANDS.items() for one in all_]
)
def test_verbs_agree(cli_in: Cli, folder: Path, case: str, command: str) -> None:
    done = cli_in(folder, *command.split())
    assert done.returncode == TABLE[case], done.stderr
    assert "Traceback" not in done.stderr
    assert "bug of scenefleet" not in done.stderr


@pytest.mark.long
def test_failed_scenes(cli_in: Cli, folder: Path) -> None:
    code = TABLE["some scenes failed, or all, or a rule ended the run"]
    for verb in ("run", "watch", "retry"):
        assert cli_in(folder, verb, "failing.yaml").returncode == code, verb
    for verb in ("status", "logs", "report"):
        assert cli_in(folder, verb, "failing.yaml").returncode == 0, verb
    assert cli_in(folder, "list", "--recipe", "failing.yaml").returncode == 0


def test_done_and_nothing_to_do(cli_in: Cli, folder: Path) -> None:
    for verb in ("run", "run", "watch", "retry", "status", "plan", "try"):
        assert cli_in(folder, verb, "good.yaml").returncode == 0, verb


def test_what_costs(cli_in: Cli, folder: Path) -> None:
    settings = folder / "settings.toml"
    settings.write_text(
        '[azure]\nbatch_endpoint = "http://127.0.0.1:9"\nbatch_account = "a"\n'
        'batch_key = "c2VjcmV0"\nstorage_key = "c2VjcmV0"\nimage = "example.org/image:1"\n'
    )
    done = cli_in(folder, "run", "dear.yaml", "--settings", "settings.toml")
    assert done.returncode == TABLE["the estimate is above the budget"], done.stderr


def test_ctrl_c(folder: Path, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("scenefleet")), "run", "good.yaml"]
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, "HOME": str(tmp_path)}, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stderr
    said = ""
    while "submitted" not in said:
        said += process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == TABLE["Ctrl-C, or a no to a question"]
