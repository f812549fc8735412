"""What a run's files hold."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from scenefleet.catalog import Scene, from_json
from scenefleet.plan import Plan
from scenefleet.recipe import RecipeFile, parse
from scenefleet.run import RunState, create, load, update
from scenefleet.store.folder import FolderStore

TEXT = "version: 1\nname: a\nsearch: {dates: 2023-06}\n"


def scene(name: str) -> Scene:
    item: dict[str, Any] = {
        "id": name,
        "bbox": [0, 0, 1, 1],
        "geometry": None,
        "properties": {"datetime": "2023-06-01T00:00:00Z"},
    }
    return from_json(item)


def test_items_jsonl_holds_every_item_of_united_scenes(tmp_path: Path) -> None:
    path = Path("recipe.yaml")
    source = RecipeFile(parse(TEXT, path), path, TEXT)
    united = dataclasses.replace(scene("a"), also=(scene("b"), scene("c")))
    run = create(
        FolderStore(tmp_path),
        source,
        Plan(name="a", documents=(), left_out=()),
        [united, scene("d")],
    )
    lines = (tmp_path / f"runs/{run.id}/items.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["a", "b", "c", "d"]


def test_a_record_of_a_newer_version_is_read_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    path, store = Path("recipe.yaml"), FolderStore(tmp_path)
    run = create(store, RecipeFile(parse(TEXT, path), path, TEXT), Plan(name="a", documents=()), [])
    newer = json.loads(run.model_dump_json()) | {"priority": {"of": 3}, "version": "99.0"}
    newer["rules"] = {"give_up_minutes": 3, "stop_after": 7, "most_cost": 12}
    store.write(f"runs/{run.id}/run.json", json.dumps(newer).encode())
    found = load(store, run.id)
    assert found.version == "99.0"
    update(store, found, state=RunState.DONE)
    kept = json.loads(store.read(f"runs/{run.id}/run.json"))
    assert kept["priority"] == {"of": 3}
    assert kept["rules"] == newer["rules"]
    assert kept["state"] == "done"


def test_a_record_of_an_older_version_lacks_what_is_new(tmp_path: Path) -> None:
    path, store = Path("recipe.yaml"), FolderStore(tmp_path)
    run = create(store, RecipeFile(parse(TEXT, path), path, TEXT), Plan(name="a", documents=()), [])
    older = json.loads(run.model_dump_json())
    for name in ("rules", "submitting", "stopped"):
        del older[name]
    store.write(f"runs/{run.id}/run.json", json.dumps(older).encode())
    assert load(store, run.id) == run
