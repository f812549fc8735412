"""A plan's documents are kept packed, and are those that their definition gives."""

import dataclasses
import hashlib
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from scenefleet.catalog import Scene, from_json
from scenefleet.errors import StoreError
from scenefleet.plan import Documents, Plan, document_ids, document_lines, plan
from scenefleet.recipe import Recipe, RecipeFile, parse
from scenefleet.run.record import create, load_plan
from scenefleet.store.folder import FolderStore
from scenefleet_task import spec

Need = Callable[[str], Path]
TEXT = "version: 1\nname: test\nsearch: {}\n"
PROCESSES = (
    "",
    "process: {mask: none, radiometry: trust}",
    "process: {indices: [ndvi, ndmi], bands: [red], clip: true}",
    "process: {mask: none, grid: {crs: 'EPSG:3857', resolution: 100}}",
    "output: {dtype: float32, compression: zstd}",
)
FIXED = 500_000
"""Bytes of what compresses, whatever it compresses."""
AREA = "{bbox: [-180, -80, 180, 80]}"


def recipe(more: str = "") -> Recipe:
    return parse(TEXT.replace("{}", AREA if "clip" in more else "{}") + more, Path("recipe.yaml"))


def recorded(need: Need) -> list[Scene]:
    folder = need("shared") / "data/stac"
    found: list[Scene] = []
    for path in sorted(folder.glob("*.json")):
        items = json.loads(path.read_text()).get("features", [])
        found += [from_json(item) for item in items]
    return found


def by_definition(document: spec.TaskDocument) -> str:
    """The id as `spec.identify` describes it, written out the plain and slow way."""
    content: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(document)))
    del content["id"], content["reach"]
    for part in content["parts"]:
        for reader in (*part["bands"], *part["masks"], *((part["check"] or {}).get("look", ()))):
            reader["href"] = urlsplit(reader["href"]).path
            reader.pop("called", None)
    content["source"]["href"] = None
    if content["script"]:
        content["script"]["name"] = None
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@pytest.mark.parametrize("more", PROCESSES)
def test_documents_of_all_recorded_items_are_by_definition(need: Need, more: str) -> None:
    scenes = recorded(need)
    documents = plan(recipe(more), scenes).documents
    assert len(documents) > 40
    for document, line in zip(documents, document_lines(documents), strict=True):
        whole = dataclasses.asdict(document)
        assert document.id == by_definition(document) == spec.identify(document)
        assert json.loads(line) == json.loads(json.dumps(whole)) == spec.to_json(document)
        assert line == spec.dump(whole) == spec.line(document)
        assert spec.from_json(json.loads(line)) == document == spec.seal(document)
        assert spec.seal_line(document) == (document, line)
        assert spec.decode(spec.encode_line(line)) == document


@pytest.mark.parametrize("more", PROCESSES)
def test_scenes_planned_together_are_planned_as_each_alone(need: Need, more: str) -> None:
    """What is worked out once for scenes that are alike is right for each."""
    scenes = recorded(need)
    together = plan(recipe(more), scenes)
    left = {one.item for one in together.left_out}
    alone = [plan(recipe(more), [one]).documents[0] for one in scenes if one.id not in left]
    # an id that came twice, of two collections, has another folder beside the first
    assert [replace_folder(one) for one in together.documents] == list(map(replace_folder, alone))


def replace_folder(document: spec.TaskDocument) -> spec.TaskDocument:
    return dataclasses.replace(document, folder="", id="")


def test_parts_of_documents(need: Need) -> None:
    made = plan(recipe(), recorded(need))
    documents = made.documents
    assert isinstance(documents, Documents)
    whole = tuple(documents)
    assert documents == whole
    assert whole == documents
    assert documents != whole[1:]
    assert documents[2:4] == whole[2:4]
    assert documents[-1] == whole[-1]
    ids = [document.id for document in whole]
    assert list(document_ids(documents)) == list(document_ids(whole)) == ids
    some = documents.only([ids[5], ids[3], "none"])
    assert [document.id for document in some] == [ids[3], ids[5]]
    assert list(some.ids) == [ids[3], ids[5]]
    assert some.only([ids[5]]) == whole[5:6]
    assert list(some.lines()) == [spec.line(whole[3]), spec.line(whole[5])]
    assert made == Plan(name="test", documents=whole, left_out=made.left_out)
    assert made.id == Plan(name="test", documents=whole).id


def test_a_plan_is_read_back_as_it_was_written(need: Need, tmp_path: Path) -> None:
    scenes = recorded(need)
    source = RecipeFile(recipe(), Path("recipe.yaml"), TEXT)
    made = plan(source.recipe, scenes)
    store = FolderStore(tmp_path)
    run = create(store, source, made, scenes)
    assert load_plan(store, run) == made
    folder = tmp_path / "runs" / run.id
    texts = [spec.dump(scene.to_json()) for scene in scenes]
    assert (folder / "items.jsonl").read_bytes() == b"".join(text + b"\n" for text in texts)
    lines = (folder / "plan.jsonl").read_bytes()
    assert lines == b"".join(spec.line(document) + b"\n" for document in made.documents)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"scale":0.0001', b'"scale":0.0002', "changed after it was planned"),
        (b'"product":"test"', b'"product":7', "document.product: 7 is no str"),
        (b'"version":', b'"versions":', "unknown key 'versions'"),
        (b"}\n", b"\n", "damaged"),
        (b"\n", b"\n\n", "damaged"),
    ],
)
def test_a_damaged_line_is_told(
    need: Need, tmp_path: Path, old: bytes, new: bytes, words: str
) -> None:
    scenes = recorded(need)
    source = RecipeFile(recipe(), Path("recipe.yaml"), TEXT)
    store = FolderStore(tmp_path)
    run = create(store, source, plan(source.recipe, scenes), scenes)
    path = tmp_path / "runs" / run.id / "plan.jsonl"
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(StoreError, match=words):
        load_plan(store, run)


def test_a_line_written_by_another_hand_is_the_same_document(need: Need, tmp_path: Path) -> None:
    """Spaces and the order of keys are no change of what is computed."""
    scenes = recorded(need)[-3:]
    source = RecipeFile(recipe(), Path("recipe.yaml"), TEXT)
    store = FolderStore(tmp_path)
    made = plan(source.recipe, scenes)
    run = create(store, source, made, scenes)
    path = tmp_path / "runs" / run.id / "plan.jsonl"
    values = [json.loads(line) for line in path.read_text().splitlines()]
    turned = [json.dumps(dict(reversed(value.items()))) for value in values]
    path.write_text("\r\n".join(turned))
    assert load_plan(store, run) == made


def test_a_plan_of_hundreds_takes_little_memory(need: Need, tmp_path: Path) -> None:
    """About 1 kB a task at most, where documents as objects would take 15 kB each."""
    item = recorded(need)[-1].document
    source = RecipeFile(recipe(), Path("recipe.yaml"), TEXT)
    scenes = (from_json(item | {"id": f"{item['id']}{number}"}) for number in range(500))
    plan(source.recipe, [from_json(item)])  # loads what is loaded once
    tracemalloc.start()
    try:
        made = plan(source.recipe, scenes)  # type: ignore[arg-type]  # gone through once
        kept, peak = tracemalloc.get_traced_memory()
        run = create(FolderStore(tmp_path), source, made, ())
        again = load_plan(FolderStore(tmp_path), run)
        after, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(again.documents) == 500
    assert kept < 1000 * 500 + FIXED
    assert peak < 1500 * 500 + FIXED
    assert after < 2 * (1000 * 500 + FIXED)
    assert most < 2500 * 500 + 2 * FIXED
