"""Who runs what on this machine: one client a run, and where its emulator listens.

A run on this machine is held by a lock on a file, which the system lets go when the client ends,
however it ends; beside it stands where the run's emulator listens, readable by this user alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scenefleet.errors import FleetError
from scenefleet.fleet.connection import Connection


@contextmanager
def claim(key: str) -> Generator[bool]:
    """Holds a run for the block; gives False if another client holds it.

    Args:
        key: names the run and its store.

    Raises:
        FleetError: if the user's state folder cannot be written.
    """
    lock = _open_lock(key)
    try:
        mine = _lock(lock)
        if mine:
            _note(key).unlink(missing_ok=True)  # of a client that was killed
        try:
            yield mine
        finally:
            if mine:
                _note(key).unlink(missing_ok=True)
    finally:
        os.close(lock)


def announce(key: str, connection: Connection) -> Path:
    """Notes where the run's emulator listens; whoever claimed the run does this."""
    note = _note(key)
    note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    value = {"endpoint": connection.endpoint, "account": connection.account, "key": connection.key}
    part = note.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(value, file)
    part.replace(note)
    return note


def is_held(key: str) -> bool:
    """Whether a client on this machine holds the run just now."""
    if not _lock_path(key).exists():
        return False
    lock = _open_lock(key)
    try:
        return not _lock(lock)
    finally:
        os.close(lock)


def find(key: str) -> Connection | None:
    """The emulator of a run that another client holds; None where none does, or not yet."""
    if not is_held(key):
        return None
    try:
        value: dict[str, Any] = json.loads(_note(key).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Connection(value["endpoint"], value["account"], value["key"])


def _open_lock(key: str) -> int:
    path = _lock_path(key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise FleetError(
            f"{path}: cannot be written ({error.strerror}); a run on this machine keeps a lock "
            "there. Give yourself the permission, or set XDG_STATE_HOME to another folder."
        ) from None


def _lock(handle: int) -> bool:
    import fcntl  # not there on Windows, where only runs on Azure work

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _note(key: str) -> Path:
    return _folder() / f"{key}.json"


def _lock_path(key: str) -> Path:
    return _folder() / f"{key}.lock"


def _folder() -> Path:
    from platformdirs import user_state_path

    return user_state_path("scenefleet", appauthor=False) / "local"
