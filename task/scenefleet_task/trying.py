"""Supervises a trial: one window is computed by the same kind of process as on a node.

Its files go into a folder, which it writes itself; there is no store, log file or STAC item. What
came out is one JSON line.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenefleet_task.attend import Log, attend
from scenefleet_task.broker import Broker
from scenefleet_task.computing import Computing
from scenefleet_task.environment import ENV_SCRIPT, ENV_TASK
from scenefleet_task.errand import errand_of, find_text
from scenefleet_task.exits import Exit
from scenefleet_task.failure import TaskError
from scenefleet_task.order import Order, Trial
from scenefleet_task.quiet import quieten
from scenefleet_task.receive import Receiver
from scenefleet_task.redact import redact
from scenefleet_task.setting import read_budget


@dataclass(frozen=True, slots=True)
class Area:
    """Where a window is to lie, if it is not named itself."""

    near: Path | None
    """A file with GeoJSON in degrees."""
    whole: bool
    """Whether all of it is wanted."""


def try_here(
    computing: Computing,
    file: Path | None,
    window: str | None,
    area: Area,
    folder: Path,
    *,
    explain: bool = False,
) -> int:
    """Has a window computed and says what came out; gives the exit code.

    A process that is killed is told by this one's end: by the same signal.

    Args:
        computing: begun, without an order yet.
        file: of the document; None takes the environment's.
        window: as `trial.parse_window` reads it; None takes one in the area.
        area: where the window is to lie.
        folder: where rasters and pictures go; made where it is missing.
        explain: whether the log says how pixels are read.
    """
    quieten()
    scratch = Path(tempfile.mkdtemp(prefix="scenefleet-try-"))
    try:
        found = _found(computing, file, window, area, folder, scratch, explain=explain)
    except TaskError as error:
        found = {"exit": error.exit.name, "message": error.message}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    exit_ = Exit[found["exit"]]
    failed = {"exit": exit_.name.lower(), "message": redact(str(found["message"]))}
    done = exit_ is Exit.DONE
    sys.stdout.write(json.dumps(found["found"] if done else failed, allow_nan=False) + "\n")
    return exit_.value


def _found(
    computing: Computing,
    file: Path | None,
    window: str | None,
    area: Area,
    folder: Path,
    scratch: Path,
    *,
    explain: bool,
) -> dict[str, Any]:
    from scenefleet_task.trial import parse_window

    script = os.environ.get(ENV_SCRIPT)
    try:
        text = find_text(file, os.environ.get(ENV_TASK))
        errand = errand_of(text)
        budget = read_budget(os.environ)
        order = Order(
            text=text,
            scratch=scratch,
            started=time.time(),
            memory=budget.memory,
            budget=budget,
            trial=Trial(
                parse_window(window) if window else None,
                folder,
                area.near,
                whole=area.whole,
                explain=explain,
            ),
        )
    except TaskError:
        computing.give_up()
        raise
    log = Log(None)
    place = Path(script).absolute() if script else None
    broker = Broker(computing.asks, errand, place, log.adopt)
    receiver = Receiver(computing.files, errand, scratch, None)
    ended = attend(computing, order, broker, receiver, log)
    if ended.trouble:
        raise TaskError(Exit.INTERNAL, f"the computing process was ended: {ended.trouble}")
    if receiver.result is not None:
        return receiver.result
    if ended.code < 0:
        os.kill(os.getpid(), -ended.code)
    raise TaskError(
        Exit.INTERNAL,
        f"the computing process ended with code {ended.code} and without a result; see its log",
    )
