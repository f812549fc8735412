"""Carries out `run` and `try`, from their arguments to the result on standard output."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scenefleet_task.computing import Computing

if TYPE_CHECKING:
    import argparse

    from scenefleet_task.errand import Errand
    from scenefleet_task.setting import Setting


def command(words: Sequence[str]) -> int:
    """Does what the words say; gives the exit code."""
    from scenefleet_task.environment import ENV_STORE, ENV_TASK

    if list(words) == ["run"]:  # a node's: its computing process is begun before all else
        code = _run(Computing(), None, None)
    else:
        arguments = _parser(ENV_TASK, ENV_STORE).parse_args(words)
        verbs = {"run": _run_by_hand, "try": _try}
        code = verbs[arguments.verb](arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    if threading.active_count() > 1:  # an upload that nobody waits for any more
        os._exit(code)
    return code


def _parser(task: str, store: str) -> argparse.ArgumentParser:
    import argparse

    from scenefleet_task import __main__ as described

    parser = argparse.ArgumentParser(prog="scenefleet_task", description=described.__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="run one task, supervised")
    trial = verbs.add_parser("try", help="compute one window here, at once")
    trial.add_argument("--window", help="row,column,height,width in pixels; else one in the area")
    trial.add_argument("--near", type=Path, help="a file with an area: GeoJSON in degrees")
    trial.add_argument("--whole", action="store_true", help="all of that area")
    trial.add_argument("--folder", type=Path, required=True, help="where rasters and pictures go")
    trial.add_argument("--explain", action="store_true", help="say how pixels are read")
    for verb in (run, trial):
        verb.add_argument("--document", type=Path, help=f"a file; else {task} is read")
    run.add_argument("--store", help=f"a folder or address; else {store} is read")
    return parser


def _run_by_hand(arguments: argparse.Namespace) -> int:
    return _run(Computing(), arguments.document, arguments.store)


def _run(computing: Computing, file: Path | None, store: str | None) -> int:
    from scenefleet_task import supervise
    from scenefleet_task.environment import ENV_TASK
    from scenefleet_task.errand import errand_of, find_text
    from scenefleet_task.failure import TaskError
    from scenefleet_task.quiet import quieten
    from scenefleet_task.retrying import run_attempts
    from scenefleet_task.setting import read_setting

    quieten()
    setting: Setting | None = None
    errand: Errand | None = None
    try:
        setting = read_setting(os.environ, store)
        text = find_text(file, os.environ.get(ENV_TASK))
        errand = errand_of(text)
    except TaskError as error:
        computing.give_up()
        attempt = supervise.begin(errand, os.environ)
        return supervise.end(attempt, supervise.fail(attempt, error, setting))
    return run_attempts(computing, text, errand, setting)


def _try(arguments: argparse.Namespace) -> int:
    from scenefleet_task.trying import Area, try_here

    near = arguments.near.absolute() if arguments.near else None
    return try_here(
        Computing(),
        arguments.document,
        arguments.window,
        Area(near, arguments.whole),
        arguments.folder,
        explain=arguments.explain,
    )
