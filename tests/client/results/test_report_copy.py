"""A report that was copied elsewhere: its links lead to the files, or it has none."""

from __future__ import annotations

import re
from os.path import normpath
from pathlib import Path
from urllib.parse import unquote

import pytest

from scenefleet.results import write_report
from scenefleet.results.report_copy import copy_report
from scenefleet.store.folder import FolderStore


class OnAzure(FolderStore):
    """A folder that is known by an address on Azure, as its container's blobs would be."""

    address = "az://account/container"  # type: ignore[assignment]


def written(fleet, store: FolderStore) -> str:
    """Writes a report of two scenes, and the files that it links to."""
    done = [outcome for outcome in fleet.outcomes if outcome.state == "done"][:2]
    outcomes = [
        outcome.model_copy(update={"outputs": {"ndvi": f"products/p/50%/a 'b' & c{n}.tif"}})
        for n, outcome in enumerate(done)
    ]
    for outcome in outcomes:
        store.write(outcome.outputs["ndvi"], b"pixels")
        store.write(outcome.item_path, b"{}")
    store.write(f"products/{fleet.run.name}/collection.json", b"{}")
    for name in ("run.json", "recipe.yaml", "plan.jsonl"):
        store.write(f"runs/{fleet.run.id}/{name}", b"{}")
    return write_report(store, fleet.run, outcomes)


def links(file: Path) -> list[str]:
    found = re.findall(r'href="([^"]*)"', file.read_text())
    return [unquote(one.replace("&#x27;", "'")) for one in found if not one.startswith("#")]


@pytest.mark.parametrize(
    "target",
    ["report.html", "a b/ü 100%/deep/r.html", "store/r.html", "store/runs/r.html", "a:b/r.html"],
)
def test_links_of_a_copy_lead_to_the_files(
    fleet, store, root: Path, tmp_path: Path, target
) -> None:
    path = written(fleet, store)
    there = links(root / path)
    assert copy_report(store, path, tmp_path / target)
    found = links(tmp_path / target)
    assert len(found) == len(there) == 8
    assert all(((tmp_path / target).parent / link).is_file() for link in found), found
    assert "links lead from this copy to the store" in (tmp_path / target).read_text()


def test_a_copy_reached_by_a_link_leads_to_the_files(fleet, tmp_path: Path) -> None:
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    (tmp_path / "here").symlink_to(tmp_path / "elsewhere/deep")
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    store = FolderStore(tmp_path / "linked")
    copy_report(store, written(fleet, store), tmp_path / "here/r.html")
    found = links(tmp_path / "here/r.html")
    assert all(Path(normpath(tmp_path / "here" / link)).is_file() for link in found), found


def test_a_copy_out_of_azure_has_names_in_place_of_links(fleet, root: Path, tmp_path: Path) -> None:
    store = OnAzure(root)
    assert not copy_report(store, written(fleet, store), tmp_path / "r.html")
    assert links(tmp_path / "r.html") == []
    text = (tmp_path / "r.html").read_text()
    assert "collection.json" in text
    assert "the files are in the store, az://account/container" in text


def test_a_run_without_a_finished_scene_links_to_no_collection(fleet, store, root: Path) -> None:
    failed = [outcome for outcome in fleet.outcomes if outcome.state == "failed"]
    text = (root / write_report(store, fleet.run, failed)).read_text()
    assert "collection.json" not in text
    assert 'href="run.json"' in text
