"""State on disk: a SQLite file that holds every resource as it was at the last answer.

A change is written before the answer that tells of it, so whoever was told can rely on it when the
emulator is killed. Synchronous writing is off: what was handed to the operating system survives the
death of a process. It does not survive that of the machine, and an emulator need not.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch_emulator.options import OptionError
from batch_emulator.state.ledger import SaveError
from batch_emulator.state.packing import pack, unpack
from batch_emulator.state.resource import Resource

_log = logging.getLogger("batch_emulator")

VERSION = 1
_PATIENCE = 2.0
"""Seconds to wait for an emulator that was killed: its agent ends its tasks first."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    sequence INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    parent INTEGER NOT NULL,
    spec BLOB NOT NULL,
    state BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS children ON resources (parent);
CREATE TABLE IF NOT EXISTS clock (one INTEGER PRIMARY KEY, time REAL NOT NULL);
CREATE TABLE IF NOT EXISTS home (one INTEGER PRIMARY KEY, path TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Record:
    """A saved resource."""

    sequence: int
    kind: str
    """Its class's name, in lower case."""
    parent: int
    spec: bytes
    state: dict[str, Any]
    """Its `SAVED` attributes."""


def lock(folder: Path) -> int:
    """Make sure that no other emulator uses a folder; returns the lock's descriptor.

    The node agent holds it too: so it is free only when the tasks of an emulator that was killed
    are dead.

    Raises:
        OptionError: if another one does, or nothing can be written there.
    """
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OptionError(f"--state {folder}: {error.strerror}. Name a folder of yours.") from None
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                os.close(descriptor)
                raise OptionError(
                    f"--state {folder}: another emulator uses it. End that one, or name another."
                ) from None
            time.sleep(0.02)
        else:
            return descriptor


class Store:
    """The ledger that saves.

    Args:
        file: the database; made where there is none.
        soon: has a function called before long: what nobody was told of yet may wait a little.
        now: the clock, in seconds since the epoch: it goes on from there after a restart.

    Raises:
        OptionError: if the file is no state of this version.
    """

    def __init__(
        self, file: Path, soon: Callable[[Callable[[], None]], object], now: Callable[[], float]
    ) -> None:
        self._soon = soon
        self._now = now
        self._changed: dict[int, Resource] = {}
        self._due = False
        self._moved = False
        try:
            self._database = _open(file)
        except sqlite3.Error as error:
            raise OptionError(f"--state: {file} cannot be used: {error}") from None

    def add(self, resource: Resource) -> None:
        """Save a resource before long, and before the next answer."""
        self._changed[resource.sequence] = resource
        if not self._due:
            self._due = True
            self._soon(self._try_to_save)

    def add_time(self) -> None:
        """Save the time before the next answer."""
        self._moved = True

    def save(self) -> None:
        """Write what has changed, all of it or nothing.

        Raises:
            SaveError: if it cannot be written, as on a full disk; it goes with the next.
        """
        self._due = False
        if not self._changed and not self._moved:
            return
        changed = list(self._changed.values())
        try:
            with self._database:
                self._database.execute("BEGIN")
                for resource in changed:
                    self._write(resource)
                self._database.execute("REPLACE INTO clock VALUES (1, ?)", (self._now(),))
        except sqlite3.Error as error:
            raise SaveError(f"The state cannot be saved: {error}") from None
        self._changed.clear()
        self._moved = False
        for resource in changed:
            resource.note_saved()

    def load(self) -> Iterator[Record]:
        """All that was saved, the oldest first: parents before their parts."""
        rows = self._database.execute(
            "SELECT sequence, kind, parent, spec, state FROM resources ORDER BY sequence"
        )
        for sequence, kind, parent, spec, state in rows:
            values = {name: unpack(value) for name, value in json.loads(state).items()}
            yield Record(sequence, kind, parent, spec, values)

    def time(self) -> float:
        """The clock at the last change, in seconds since the epoch; 0 where there was none."""
        row = self._database.execute("SELECT time FROM clock").fetchone()
        return 0.0 if row is None else float(row[0])

    def close(self) -> None:
        """Save, and close the file."""
        self._try_to_save()
        self._database.close()

    def _try_to_save(self) -> None:
        try:
            self.save()
        except SaveError as error:
            _log.error("%s", error)

    def _write(self, resource: Resource) -> None:
        key = resource.sequence
        if resource.gone:
            forget = "DELETE FROM resources WHERE sequence = ? OR parent = ?"
            self._database.execute(forget, (key, key))
            return
        state = json.dumps({name: pack(getattr(resource, name)) for name in resource.SAVED})
        spec = resource.spec_json()
        if spec is None:
            update = "UPDATE resources SET state = ? WHERE sequence = ?"
            self._database.execute(update, (state, key))
            return
        kind = type(resource).__name__.lower()
        insert = "REPLACE INTO resources VALUES (?, ?, ?, ?, ?)"
        self._database.execute(insert, (key, kind, resource.parent, spec, state))


def _open(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, isolation_level=None)
    file.chmod(0o600)
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, VERSION):
        raise sqlite3.DatabaseError(f"it is of version {version}, this emulator's is {VERSION}")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = OFF")
    database.executescript(_SCHEMA)
    database.execute(f"PRAGMA user_version = {VERSION}")
    _move_in(database, file.parent)
    return database


def _move_in(database: sqlite3.Connection, folder: Path) -> None:
    """Have the paths of a state that was copied or moved lead to where it is now.

    Else what is deleted of a copy would be the original's files.
    """
    row = database.execute("SELECT path FROM home").fetchone()
    with database:
        database.execute("BEGIN")
        if row is not None and row[0] != str(folder):
            paths = [_beginning_of_path(path) for path in (row[0], str(folder))]
            database.execute("UPDATE resources SET state = replace(state, ?, ?)", paths)
        database.execute("REPLACE INTO home VALUES (1, ?)", (str(folder),))


def _beginning_of_path(folder: str) -> str:
    """How paths in a folder begin where `packing` wrote them: no text of a user's can look so."""
    return f'"$": "path", "is": {json.dumps(folder)[:-1]}/'
