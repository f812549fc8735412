"""`scenefleet init`."""

from __future__ import annotations

from pathlib import Path

import click

from scenefleet.cli.show import put_json, say
from scenefleet.errors import ScenefleetError, UsageError


@click.command(epilog="Example:  scenefleet init && scenefleet plan recipe.yaml")
@click.argument(
    "recipe", type=click.Path(path_type=Path, dir_okay=False), default=Path("recipe.yaml")
)
@click.option(
    "--azure",
    is_flag=True,
    help="For Azure Batch: also writes what pool_templates/ lacks, to edit.",
)
@click.option("--schema", is_flag=True, help="Print the recipe's JSON Schema and write nothing.")
@click.option(
    "--force", is_flag=True, help="Replace an existing recipe; edited templates are always kept."
)
def command(recipe: Path, *, azure: bool, schema: bool, force: bool) -> None:
    """Write a commented recipe to start from."""
    from scenefleet.recipe import json_schema
    from scenefleet.recipe.starter import starter

    if schema:
        put_json(json_schema())
        return
    text = starter("azure" if azure else "local").encode()
    if _differs(recipe, text) and not force:
        raise UsageError(f"{recipe}: there already; --force replaces, or name another")
    _write(recipe, text)
    if azure:
        _write_templates(recipe.parent / "pool_templates")
    say(f"next: scenefleet plan {recipe}")
    if azure:
        say("and pool_templates/README.md says how to deploy what it runs on")


def _write_templates(folder: Path) -> None:
    """Writes the pool templates that `folder` lacks; existing ones may have been edited."""
    from scenefleet.fleet.packaged import packaged_files

    for name, data in packaged_files().items():
        if _differs(folder / name, data):
            say(
                f"kept {folder / name}, which differs from scenefleet's own; delete it to have that"
            )
        else:
            _write(folder / name, data)


def _differs(path: Path, data: bytes) -> bool:
    """Whether something else is there."""
    try:
        return path.read_bytes() != data
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise ScenefleetError(f"{path}: cannot be written: {error.strerror}") from None
    say(f"wrote {path}")
