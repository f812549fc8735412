"""The pool templates that come with scenefleet: in the wheel, or in a checkout."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path


def templates_folder() -> Traversable:
    """Where `*.pool.json`, `main.bicep` and their README lie."""
    inside = resources.files("scenefleet.fleet") / "pool_templates"
    # an editable install: the wheel's build is what copies the folder into the package
    return inside if inside.is_dir() else Path(__file__).resolve().parents[3] / "pool_templates"


def packaged_files() -> dict[str, bytes]:
    """Every file of the folder by name, for `scenefleet init --azure` to copy."""
    entries = sorted(templates_folder().iterdir(), key=lambda entry: entry.name)
    return {entry.name: entry.read_bytes() for entry in entries if entry.is_file()}
