"""`fetch` copies what is done, says what is missing, and mixes with nobody's files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scenefleet.errors import StoreError
from scenefleet.results.fetch import Copied, fetch
from scenefleet.run import RunState, create, update
from scenefleet.store.folder import FolderStore
from small_run import PLAN, put_output, source


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """Returns a store with two of the plan's three scenes, and their collection."""
    store = FolderStore(tmp_path / "store")
    for document in PLAN.documents[:2]:
        put_output(store, document)
    store.write("products/test/collection.json", b'{"id": "test"}')
    return store


def test_scenes_that_are_missing_are_counted(store: FolderStore, tmp_path: Path) -> None:
    expected = {"bytes": 12, "scenes": 2, "missing": 1}
    assert fetch(store, PLAN, tmp_path / "to") == Copied(files=2, there=0, **expected)
    put_output(store, PLAN.documents[2])
    assert fetch(store, PLAN, tmp_path / "to") == Copied(
        files=1, there=2, bytes=6, scenes=3, missing=0
    )


@pytest.mark.parametrize("where", [".", "products", "runs/new/deep"])
@pytest.mark.parametrize("linked", [False, True])
def test_the_store_is_no_target(
    store: FolderStore, tmp_path: Path, where: str, *, linked: bool
) -> None:
    before = sorted(store.root.rglob("*"))
    (tmp_path / "link").symlink_to(store.root)
    target = (tmp_path / "link" if linked else store.root / "products/..") / where
    with pytest.raises(StoreError, match="a folder outside it"):
        fetch(store, PLAN, target)
    assert sorted(store.root.rglob("*")) == before


def test_beside_and_above_the_store_is_no_trouble(store: FolderStore, tmp_path: Path) -> None:
    assert fetch(store, PLAN, tmp_path / "store-copy").files == 2
    assert fetch(store, PLAN, tmp_path).files == 2


@pytest.mark.parametrize("there", ["{", "[1]", '"test"', "\ud800", "{}", "[" * 100_000])
def test_a_damaged_collection_is_called_so(store: FolderStore, tmp_path: Path, there: str) -> None:
    path = tmp_path / "to/collection.json"
    path.parent.mkdir()
    path.write_text(there, errors="surrogatepass")
    with pytest.raises(StoreError, match=r"cannot be read .* name another folder"):
        fetch(store, PLAN, path.parent)
    path.write_text(json.dumps({"id": "other"}))
    with pytest.raises(StoreError, match="is of other, not of test"):
        fetch(store, PLAN, path.parent)


def test_the_command_names_what_is_missing(store: FolderStore, tmp_path: Path) -> None:
    run = create(store, source(), PLAN, [])
    command = [str(Path(sys.executable).with_name("scenefleet")), "fetch", "--store", "store"]
    done = subprocess.run(
        [*command, "--to", "to"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "2 files of 2 scenes copied" in done.stderr
    assert "note: 1 of 3 scenes is not done" in done.stderr
    assert f"run {run.id} is analysed" in done.stderr
    update(store, run, state=RunState.DONE)
    again = subprocess.run(
        [*command, "--to", "to"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert f"run {run.id} was done and is so no more" in again.stderr
    done = subprocess.run(
        [*command, "--to", "to", "--json"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert (found["scenes"], found["missing"]) == (2, 1)
