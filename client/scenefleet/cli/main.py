"""The entry point: finds a verb's module when it is asked for, and turns errors into exit codes."""

from __future__ import annotations

import difflib
import importlib
import io
import keyword
import logging
import os
import sys
import traceback
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import click
from click.shell_completion import CompletionItem

from scenefleet import __version__
from scenefleet.cli.help_text import HelpText
from scenefleet.errors import ScenefleetError

VERBS = {
    "init": "Write a recipe to start from.",
    "doctor": "Check this machine, the settings, and what they reach.",
    "indices": "List the indices that recipes may name, or show one.",
    "search": "List the scenes that a recipe selects.",
    "plan": "Show the tasks, what they will take, and every default that applies.",
    "try": "Compute one window of one scene here, and draw it.",
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
    "completion": "Print what makes a shell complete scenefleet's words.",
}
"""Every verb with its one line of help, so that `--help` imports none of them."""


_OPTIONS = {
    "help": "`scenefleet --help` lists the verbs, `scenefleet run --help` explains one.",
    "version": "`scenefleet --version` tells it.",
}
"""What other programs have as verbs, and where it is here."""


class Verbs(click.Group):
    """A group whose commands are imported when they are used."""

    # ARG002 below: click's signatures have a context, which finding a verb does not need
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The verbs, in the order of a run's life."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb's command."""
        if cmd_name not in VERBS:
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name  # `try`
        module = importlib.import_module(f"scenefleet.cli.commands.{name}")
        return cast("click.Command", module.command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb's command; for a word that is none, an error with the verbs nearest to it."""
        word = args[0]
        if word not in VERBS and not word.startswith("-"):
            if word.lower() in _OPTIONS:
                raise click.UsageError(
                    f"{word!r} is no verb of scenefleet; {_OPTIONS[word.lower()]}"
                )
            near = difflib.get_close_matches(word.lower(), VERBS, n=3, cutoff=0.6)
            means = f"did you mean {' or '.join(near)}?" if near else "`scenefleet --help` has all."
            from scenefleet.cli.show import shown

            raise click.UsageError(f"{shown(word)!r} is no verb of scenefleet; {means}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """The verbs that begin as a word does, without importing them; else the options."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [
            CompletionItem(verb, help=text)
            for verb, text in VERBS.items()
            if verb.startswith(incomplete)
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The verbs and their help, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


click.Context.formatter_class = HelpText


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="First steps:  scenefleet demo  |  scenefleet init && scenefleet plan recipe.yaml",
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
    if os.environ.get("_SCENEFLEET_COMPLETE"):
        from scenefleet.cli.completion import complete

        complete(cli)
    _read_names_as_utf8()
    debug = "--debug" in sys.argv[1:]
    if not debug:
        # the SDKs log at length what our errors say in a line
        logging.getLogger("azure").setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
            if getattr(sys, name) is None:  # the shell's `<&-`, `>&-` and `2>&-`
                nothing = stack.enter_context(Path(os.devnull).open(mode, encoding="utf-8"))
                setattr(sys, name, nothing)
        for stream in (sys.stdout, sys.stderr):  # a name may have letters that it cannot write
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            code = cli.main(standalone_mode=False)
            sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:
            if debug and not isinstance(error, click.exceptions.ClickException):
                raise
            code = _end(error)
    sys.exit(code if isinstance(code, int) else 0)


def _read_names_as_utf8() -> None:
    """Starts the command once more in Python's UTF-8 mode, where ASCII is all it would take.

    So it is in the locale C where that mode was turned off: recipes and catalogues are UTF-8, and
    the files that they name could not be found.
    """
    again = ["-X", "utf8"]
    if sys.getfilesystemencoding() in ("ascii", "us-ascii") and sys.orig_argv[1:3] != again:
        command = [sys.executable, *again, *sys.orig_argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONUTF8": "1"})  # noqa: S606 - no shell


def _end(error: BaseException) -> int:
    """Says what went wrong, in a form for people, and gives the exit code."""
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, click.Abort) or _interrupted(error):
        _say("cancelled")
        return 5
    if isinstance(error, ScenefleetError):
        _say(f"error: {error}")
        return error.exit_code
    if cause := _network_cause(error):
        _say(f"error: {cause}. Check the network and the addresses in the recipe and the settings.")
        return 1
    if isinstance(error, OSError):
        # a reader that has read enough, or a full disk; Python would complain at exit otherwise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            _say(f"error: {_words(error)}")
        return 1
    _say(
        f"error: {type(error).__name__}: {error}\n"
        "This is a bug of scenefleet: `scenefleet --debug ...` shows where it happened."
    )
    return 1


def _words(error: OSError) -> str:
    """What the system said, with the name of what it said it of."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    # what click prints, or what is left when `main` ends
    prints = frames and frames[-1].f_globals.get("__name__") in ("click.utils", __name__)
    if error.filename is not None or error.strerror is None or not prints:
        return str(error)
    return f"standard output cannot be written: {error.strerror}"


def _network_cause(error: BaseException) -> str:
    """Why a connection failed, where that is the error and nobody has told it; else nothing."""
    if isinstance(error, BrokenPipeError):
        return ""
    from scenefleet.network import cause_of

    return cause_of(error, "")


def _interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is at the bottom of an error: it may come in the middle of an import."""
    while error is not None:
        # pydantic tells of it in words only
        if isinstance(error, KeyboardInterrupt) or str(error).endswith(": KeyboardInterrupt: "):
            return True
        error = error.__cause__ or error.__context__
    return False


def _say(text: str) -> None:
    from scenefleet.cli.show import say

    say(text)
