"""`scenefleet init`."""

from __future__ import annotations

from pathlib import Path

import click

from scenefleet.cli.show import put_json, say


@click.command(epilog="Example:  scenefleet init && scenefleet plan recipe.yaml")
@click.argument(
    "recipe", type=click.Path(path_type=Path, dir_okay=False), default=Path("recipe.yaml")
)
@click.option("--azure", is_flag=True, help="For Azure Batch: also writes pool_templates/ to edit.")
@click.option("--schema", is_flag=True, help="Print the recipe's JSON Schema and write nothing.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
def command(recipe: Path, *, azure: bool, schema: bool, force: bool) -> None:
    """Write a commented recipe to start from."""
    from scenefleet.recipe import json_schema
    from scenefleet.recipe.starter import starter

    if schema:
        put_json(json_schema())
        return
    files = {recipe: starter("azure" if azure else "local").encode()}
    if azure:
        from scenefleet.fleet.packaged import packaged_files

        folder = recipe.parent / "pool_templates"
        files |= {folder / name: data for name, data in packaged_files().items()}
    _write(files, force=force)
    for path in files:
        say(f"wrote {path}")
    say(f"next: scenefleet plan {recipe}")
    if azure:
        say("and pool_templates/README.md says how to deploy what it runs on")


def _differs(path: Path, data: bytes) -> bool:
    """Whether something else is there: the templates are, in a checkout of scenefleet."""
    try:
        return path.read_bytes() != data
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _write(files: dict[Path, bytes], *, force: bool) -> None:
    from scenefleet.errors import ScenefleetError, UsageError

    there = [str(path) for path, data in files.items() if _differs(path, data)]
    if there and not force:
        raise UsageError(f"{', '.join(there)}: there already; --force replaces, or name another")
    for path, data in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise ScenefleetError(f"{path}: cannot be written: {error.strerror}") from None
