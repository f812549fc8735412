"""Names of folders and files that are no ASCII, or no text at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from scenefleet.demo.acquisitions import ACQUISITIONS
from scenefleet.demo.archive import make_archive

RECIPE = """
version: 1
name: named
search: {catalog: 'CATALOG', collections: [sentinel-2-l2a], limit: 1}
"""
Cli = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    make_archive(folder / "ü", size=120, acquisitions=ACQUISITIONS[:1])
    return folder / "ü/items.json"


def test_the_locale_c_reads_names_as_any_other(cli: Cli, archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "d ü"
    folder.mkdir()
    text = RECIPE.replace("CATALOG", str(archive))
    (folder / "rü.yaml").write_text(text, encoding="utf-8")
    bare = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run = cli("run", "d ü/rü.yaml", "--json", **bare)
    assert run.returncode == 0, run.stderr
    again = cli("run", "d ü/rü.yaml", "--json")
    assert '"jobs": []' in again.stdout or "nothing to submit" in again.stderr, again.stderr
    for arguments in (["status"], ["report", "--to", "ö/r.html"], ["fetch", "--to", "ä"]):
        done = cli(*arguments, "d ü/rü.yaml", **bare)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "ö/r.html").is_file()
    assert len(list((tmp_path / "ä").glob("*/*.json"))) == 1


def test_a_folder_whose_name_is_no_text_is_refused(cli: Cli, archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"latin \xfc")
    folder.mkdir()
    recipe = folder / "r.yaml"
    recipe.write_text(RECIPE.replace("CATALOG", str(archive)), encoding="utf-8")
    done = cli("run", str(recipe))
    assert done.returncode == 1
    assert "is not UTF-8, so that tasks cannot be told of it. Rename it" in done.stderr
    assert not (folder / "results").exists()
    # sources there could not be named in JSON
    shutil.copytree(archive.parent, folder / "archive")
    recipe.write_text(RECIPE.replace("CATALOG", "archive/items.json"), encoding="utf-8")
    done = cli("plan", str(recipe))
    assert done.returncode == 1
    assert "lies in a folder whose name is not UTF-8" in done.stderr
    assert "rename the folder" in done.stderr


def test_copies_go_to_any_name(cli: Cli, archive: Path, tmp_path: Path) -> None:
    recipe = RECIPE.replace("CATALOG", str(archive))
    (tmp_path / "recipe.yaml").write_text(recipe, encoding="utf-8")
    assert cli("run", "recipe.yaml").returncode == 0
    name = os.fsdecode(b"latin \xfc")
    for arguments in (["report", "--to", f"{name}.html"], ["fetch", "--to", name]):
        done = cli(*arguments)
        assert done.returncode == 0, done.stderr
        done = cli(*arguments, "--json")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / f"{name}.html").is_file()
    assert (tmp_path / name / "collection.json").is_file()
