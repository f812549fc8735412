"""`scenefleet init` beside files that the user edited."""

from pathlib import Path

import pytest


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("name", ["main.bicepparam", "spot.pool.json", "main.bicep", "README.md"])
def test_an_edited_template_is_kept(cli, tmp_path: Path, name: str, force: list[str]) -> None:
    edited = tmp_path / "pool_templates" / name
    edited.parent.mkdir()
    edited.write_text("edited\n")
    done = cli("init", "--azure", "azure.yaml", *force)
    assert done.returncode == 0, done.stderr
    assert edited.read_text() == "edited\n"
    assert f"kept pool_templates/{name}" in done.stderr
    assert "backend: azure" in (tmp_path / "azure.yaml").read_text()
    assert len(list(edited.parent.iterdir())) > 4


def test_init_again_after_an_edit_says_what_it_keeps(cli, tmp_path: Path) -> None:
    assert cli("init", "--azure", "azure.yaml").returncode == 0
    parameters = tmp_path / "pool_templates/main.bicepparam"
    parameters.write_text(parameters.read_text() + "// mine\n")
    done = cli("init", "--azure", "second.yaml")
    assert done.returncode == 0, done.stderr
    assert "// mine" in parameters.read_text()


def test_an_edited_recipe_is_refused_and_replaced_by_force_only(cli, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("mine\n")
    refused = cli("init", "--azure")
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert (tmp_path / "recipe.yaml").read_text() == "mine\n"
    assert not (tmp_path / "pool_templates").exists()
    assert cli("init", "--azure", "--force").returncode == 0
    assert (tmp_path / "recipe.yaml").read_text() != "mine\n"


def test_a_file_in_the_templates_place_is_told(cli, tmp_path: Path) -> None:
    (tmp_path / "pool_templates").write_text("")
    done = cli("init", "--azure")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
