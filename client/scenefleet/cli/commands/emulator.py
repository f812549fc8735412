"""`scenefleet emulator`."""

from __future__ import annotations

import os
import sys

import click

from scenefleet.fleet.secrecy import surroundings


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
    epilog="Example:  scenefleet emulator serve --port 10100",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Serve the Batch emulator for other programs; `scenefleet emulator serve --help` says how."""
    # The client never imports the emulator. In the place of this process, so that none is left that
    # has the key in its environment, where tasks could read it.
    command = [sys.executable, "-m", "batch_emulator", *arguments]
    own = {name: text for name, text in os.environ.items() if name.startswith("BATCH_EMULATOR_")}
    name = {"BATCH_EMULATOR_COMMAND": "scenefleet emulator"}  # what its help and errors call it
    environment = {**surroundings(os.environ), **own, **name}
    os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is wanted
