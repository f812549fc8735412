"""A product says of itself what the newest recipe of its run says, and a run's record keeps it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scenefleet.recipe import PublishedPart, RecipeFile
from scenefleet.run import create, describe_product, load_recipe
from scenefleet.store.folder import FolderStore
from small_run import PLAN, source


def titled(title: str, name: str = "test") -> RecipeFile:
    given = source()
    about = PublishedPart(title=title)
    output = given.recipe.output.model_copy(update={"collection": about})
    return replace(given, recipe=given.recipe.model_copy(update={"output": output, "name": name}))


def test_a_later_recipe_of_the_same_run_is_heeded_and_kept(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    run = create(store, titled("first"), PLAN, ())
    assert describe_product(store, run, None).title == "first"
    assert describe_product(store, run, titled("other", name="other")).title == "first"
    assert create(store, titled("second"), PLAN, ()).id == run.id
    assert describe_product(store, run, titled("second")).title == "second"
    assert describe_product(store, run, None).title == "second"
    kept, given = load_recipe(store, run).recipe, titled("second").recipe
    assert (kept.search, kept.output) == (given.search, given.output)


def test_a_record_that_cannot_be_read_holds_nothing_up(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    run = create(store, titled("first"), PLAN, ())
    (tmp_path / f"runs/{run.id}/recipe.yaml").write_text("version: 9\n")
    assert describe_product(store, run, None) == PublishedPart()
    assert describe_product(store, run, titled("second")).title == "second"
