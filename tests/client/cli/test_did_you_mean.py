"""A word that is off gets the nearest one: verbs, options, values, names of recipes and runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from scenefleet.run import create
from scenefleet.store.folder import FolderStore
from small_run import PLAN, source

Cli = Callable[..., CompletedProcess[str]]
RECIPE = "version: 1\nname: test\nsearch: {bbox: [1, 2, 3, 4], dates: 2023}\n"


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("serch", "did you mean search"),
        ("plan --explian", "Did you mean '--explain'?"),
        ("plan --radiometry trsut", "did you mean 'trust'?"),
        ("completion bsh", "did you mean 'bash'?"),
        ("indices ndvii", "did you mean 'NDVI'"),
        ("indices ndvi,nwdi", "did you mean 'NDWI'"),
        ("indices --domain vegetaton", "did you mean 'vegetation'?"),
        ("indices --collection sentinel-2-l2", "did you mean 'sentinel-2-l2a'?"),
        ("plan rcipe.yaml", "did you mean 'recipe.yaml'?"),
        ("status --recipe rcipe.yaml", "did you mean 'recipe.yaml'?"),
        ("status test-000", "did you mean 'RUN'?"),
        ("status tset-RUN", "did you mean 'RUN'?"),
    ],
)
def test_the_nearest_word(cli: Cli, tmp_path: Path, command: str, meant: str) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    run = create(FolderStore(tmp_path / "results"), source(), PLAN, []).id
    words = command.replace("tset-RUN", f"tset-{run[5:]}").replace("test-000", run[:-1])
    done = cli(*words.replace("RUN", run).split())
    assert done.returncode == 2
    assert meant.replace("RUN", run) in done.stderr
    other = cli("logs", run, "nothing-is-near-it")
    assert "is no run, and no scene or task" in other.stderr
    assert "did you mean" not in other.stderr


@pytest.mark.parametrize(
    ("more", "meant"),
    [
        ("output: {dtype: in16}", "did you mean 'int16'? allowed are 'int16' or 'float32'"),
        ("output: {compresion: zstd}", "did you mean `compression`?"),
        ("compute: {backend: azur}", "did you mean 'azure'?"),
        ("process: {mask: [cloud]}", "did you mean 'clouds'?"),
        ("process: {negative: maks}", "did you mean 'mask'?"),
        ("process: {indices: [nvdi]}", "did you mean 'NDVI'"),
        ("process: {radiometry: 3}", "3 was given; allowed are"),
    ],
)
def test_values_of_a_recipe(cli: Cli, tmp_path: Path, more: str, meant: str) -> None:
    (tmp_path / "recipe.yaml").write_text(f"{RECIPE}{more}\n")
    done = cli("plan")
    assert done.returncode == 1
    assert meant in done.stderr


def test_names_of_catalogues_and_of_their_files(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "my-items.json").write_text("{}")
    for given, meant in (
        ("planetary-compter", "did you mean 'planetary-computer'?"),
        ("earthsearch", "did you mean 'earth-search'?"),
        ("my-itmes.json", "did you mean 'my-items.json'?"),
        ("zzz", "zzz. `catalog` is one of planetary-computer"),
    ):
        (tmp_path / "recipe.yaml").write_text(
            f"version: 1\nname: a\nsearch: {{catalog: {given}, dates: 2023}}\n"
        )
        done = cli("search")
        assert done.returncode == 1
        assert meant in done.stderr, done.stderr
