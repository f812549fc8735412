"""`scenefleet emulator`."""

from __future__ import annotations

import subprocess
import sys

import click


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
    epilog="Example:  scenefleet emulator serve --port 10100",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Serve the Batch emulator for other programs; `scenefleet emulator serve --help` says how."""
    # a process of its own, as for local runs: the client never imports the emulator
    try:
        code = subprocess.run([sys.executable, "-m", "batch_emulator", *arguments], check=False)
    except KeyboardInterrupt:
        sys.exit(0)
    sys.exit(code.returncode)
