"""`scenefleet completion`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from scenefleet.cli.completion import SHELLS, source
from scenefleet.cli.options import Choice
from scenefleet.cli.show import say

_HOW = {
    "bash": ("~/.bashrc", 'eval "$(scenefleet completion bash)"'),
    "zsh": ("~/.zshrc", 'eval "$(scenefleet completion zsh)"'),
    "fish": ("~/.config/fish/config.fish", "scenefleet completion fish | source"),
}
"""By shell: the file that it reads when it starts, and the line to add there."""


@click.command(epilog='Example:  eval "$(scenefleet completion bash)"')
@click.argument("shell", type=Choice(SHELLS), required=False)
@click.pass_context
def command(context: click.Context, shell: str | None) -> None:
    """Print what makes bash, zsh or fish complete scenefleet's words [default: your own shell].

    It completes verbs, options, recipes, indices, and the runs and scenes of a store in a folder.
    """
    named = shell or Path(os.environ.get("SHELL", "")).name
    if named not in SHELLS:
        raise click.UsageError(f"name your shell: {', '.join(SHELLS)}", context)
    if sys.stdout.isatty():
        file, line = _HOW[named]
        say(f"Add this line to {file}, and begin a new shell:\n\n  {line}\n")
        return
    click.echo(source(named, context.find_root().command))
