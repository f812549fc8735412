"""What a run's files hold."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from scenefleet.catalog import Scene, from_json
from scenefleet.plan import Plan
from scenefleet.recipe import RecipeFile, parse
from scenefleet.run.record import create
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
