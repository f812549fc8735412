"""`scenefleet demo` and what people type after it, when its STAC API is gone."""

from pathlib import Path

import pytest


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_demos_recipe_works_after_the_demo(cli_in, tmp_path: Path) -> None:
    done = cli_in(tmp_path, "demo")
    assert done.returncode == 0, done.stderr
    assert "as a STAC API at http://127.0.0.1:" in done.stderr
    assert "the search gave 11 of them" in done.stderr
    folder = tmp_path / "scenefleet-demo"
    recipe = folder / "recipe.yaml"
    assert "127.0.0.1" not in recipe.read_text()
    assert f"cd {folder.name}" in done.stderr

    status = cli_in(folder, "status", "--json")
    assert '"done": 11' in status.stdout, status.stderr
    again = cli_in(folder, "run", "--yes")
    assert again.returncode == 0
    assert "nothing to submit" in again.stderr
    tried = cli_in(folder, "try")
    assert tried.returncode == 0, tried.stderr
    assert (folder / "try/ndvi.png").is_file()

    edited = recipe.read_text().replace("[ndvi]", "[ndwi]")
    recipe.write_text(edited)
    anew = cli_in(folder, "run", "--yes")
    assert anew.returncode == 0, anew.stderr
    assert len(list(folder.glob("results/products/demo/*/ndwi.tif"))) == 11

    demo = cli_in(tmp_path, "demo")
    assert demo.returncode == 0, demo.stderr
    assert "is kept" in demo.stderr
    assert recipe.read_text() == edited


def test_a_folder_that_cannot_be_written_is_told(cli, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    done = cli("demo", "--folder", "taken/below")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
