"""The entry point: finds a verb's module when it is asked for, and turns errors into exit codes."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import cast

import click

from scenefleet import __version__
from scenefleet.errors import ScenefleetError

VERBS = {
    "init": "Write a recipe to start from.",
    "doctor": "Check this machine, the settings, and what they reach.",
    "search": "List the scenes that a recipe selects.",
    "plan": "Show the tasks, what they will take, and every default that applies.",
    "run": "Compute a recipe's scenes; continues where an earlier run was cut off.",
    "list": "List the runs of a store.",
    "status": "Show how far a run has come.",
    "watch": "Follow a run until it ends.",
    "logs": "Show what tasks said.",
    "retry": "Redo the failed scenes of a run.",
    "cancel": "End a run; what is finished stands.",
    "fetch": "Copy a run's results to a folder.",
    "report": "Write a run's report, one HTML file.",
    "demo": "Run the whole job on made-up scenes, with no account and no network.",
    "emulator": "Serve the Batch emulator for other programs.",
}
"""Every verb with its one line of help, so that `--help` imports none of them."""


class Verbs(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The verbs, in the order of a run's life."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb's command."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"scenefleet.cli.commands.{cmd_name}")
        return cast("click.Command", module.command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The verbs and their help, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="First steps:  scenefleet demo  |  scenefleet init && scenefleet run recipe.yaml",
)
@click.version_option(__version__, prog_name="scenefleet")
@click.option("--debug", is_flag=True, help="Show a traceback for any error.")
@click.pass_context
def cli(ctx: click.Context, *, debug: bool) -> None:
    """From a STAC search to analysis-ready rasters, on Azure Batch or on this machine.

    Exit codes: 0 done, 1 error, 2 usage, 3 some scenes failed, 4 not authorised, 5 cancelled,
    6 over budget.
    """
    ctx.obj = debug


def main() -> None:
    """Runs the command line and exits with its code."""
    debug = "--debug" in sys.argv[1:]
    if not debug:
        # the SDKs log at length what our errors say in a line
        logging.getLogger("azure").setLevel(logging.CRITICAL)
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _say("cancelled")
        code = 5
    except ScenefleetError as error:
        if debug:
            raise
        _say(f"error: {error}")
        code = error.exit_code
    except BrokenPipeError:
        # whoever read standard output has read enough; Python would complain at exit otherwise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        if debug:
            raise
        _say(
            f"error: {type(error).__name__}: {error}\n"
            "This is a bug of scenefleet: `scenefleet --debug ...` shows where it happened."
        )
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _say(text: str) -> None:
    click.echo(text, err=True)
