"""Which run a verb means when none is named: never another recipe's."""

from pathlib import Path

import pytest

from scenefleet.cli.options import Desk, as_recipe, find_run
from scenefleet.errors import UsageError
from scenefleet.plan import Plan
from scenefleet.recipe import RecipeFile, parse
from scenefleet.run.record import create
from scenefleet.settings import read_settings
from scenefleet.store.folder import FolderStore


def recipe(name: str) -> RecipeFile:
    path = Path("recipe.yaml")
    text = f"version: 1\nname: {name}\nsearch: {{dates: 2023-06}}\n"
    return RecipeFile(parse(text, path), path, text)


def test_a_recipe_s_verbs_are_for_its_own_runs(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    (tmp_path / "settings.toml").write_text("")
    settings = read_settings(tmp_path / "settings.toml", {})
    with pytest.raises(UsageError, match="no run yet"):
        find_run(Desk(store, settings, recipe("two")), None)
    three = create(store, recipe("three"), Plan(name="three", documents=(), left_out=()), [])
    with pytest.raises(UsageError, match=f"no run of two yet; its newest is {three.id}"):
        find_run(Desk(store, settings, recipe("two")), None)
    assert find_run(Desk(store, settings, recipe("three")), None).id == three.id
    assert find_run(Desk(store, settings), None).id == three.id
    assert find_run(Desk(store, settings, recipe("two")), three.id).id == three.id
    with pytest.raises(UsageError, match="A recipe is named by --recipe"):
        find_run(Desk(store, settings), "recipe.yaml")


def test_a_word_that_is_a_recipe_is_one() -> None:
    assert as_recipe(None, None) == (None, None)
    assert as_recipe("three-1a2b", Path("a.yaml")) == ("three-1a2b", Path("a.yaml"))
    assert as_recipe("fields.yaml", None) == (None, Path("fields.yaml"))
    assert as_recipe("in/Fields.YML", None) == (None, Path("in/Fields.YML"))
    with pytest.raises(UsageError, match="name one recipe"):
        as_recipe("fields.yaml", Path("other.yaml"))
