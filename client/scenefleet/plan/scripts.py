"""A recipe's processing script as tasks name it."""

from __future__ import annotations

from scenefleet.recipe.process import Process
from scenefleet.recipe.script import ScriptHeader, sha256_of
from scenefleet_task import spec


def header_of(process: Process) -> ScriptHeader | None:
    """What the recipe's script states, or None where it has none."""
    return process.script.header if process.script else None


def script_of(process: Process) -> spec.Script | None:
    """The recipe's script as a task names it, or None where it has none."""
    stated = header_of(process)
    if stated is None or process.script is None:
        return None
    return spec.Script(
        name=process.script.file,
        sha256=sha256_of(process.script.text),
        bands=stated.bands,
        overlap=stated.overlap,
        seconds=stated.seconds,
    )
