"""The account's key: from the environment or a file, or made up; never from the command line.

A command line is seen by everybody on a machine, tasks of the emulator included.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import secrets
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path

from batch_emulator.options import DEVELOPMENT_KEY, KEY_VARIABLE, OptionError

_PR_SET_DUMPABLE = 4
_KEY_BYTES = 64
"""As many as the service's own keys have."""
_FILE_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class AccountKey:
    """A key, and how to tell people of it: as itself where that is no harm, else by its place."""

    value: str = field(repr=False)
    """In base64."""
    note: str
    """For the terminal."""
    shell: str
    """What a shell replaces by the key, in double quotes."""
    python: str
    """What Python evaluates to the key."""
    imports: tuple[str, ...] = ()
    """What Python needs for that."""
    made_up: bool = False
    """Whether nobody else knows it yet."""


def take_variable(name: str) -> str:
    """A secret from the environment, which is then without it; empty where there is none.

    A variable that is removed can still be read in /proc by every process of the user, tasks
    included: so its first place in memory is wiped, and on Linux the rest of memory closed too.
    """
    value = os.environ.get(name, "")
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    place = libc.getenv(name.encode())
    if place:
        ctypes.memset(place, 0, len(os.fsencode(value)))
    os.environ.pop(name, None)
    if sys.platform == "linux":
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return value


def take_key() -> AccountKey:
    """The key from the environment, or the well-known one."""
    key = take_variable(KEY_VARIABLE)
    if key in ("", DEVELOPMENT_KEY):
        return _plain(DEVELOPMENT_KEY, "well known: for development only")
    python = f'os.environ["{KEY_VARIABLE}"]'
    return AccountKey(
        key, f"(your own, {KEY_VARIABLE})", f"${KEY_VARIABLE}", python, ("import os",)
    )


def read_key(file: Path) -> AccountKey:
    """The key that a file holds, and nothing else but white space around it.

    Raises:
        OptionError: if it cannot be read, or holds none.
    """
    try:
        with file.open("rb") as data:
            text = data.read(_FILE_LIMIT + 1)
    except OSError as error:
        raise OptionError(f"--key-file {file}: {error.strerror}") from None
    key = text.decode("latin-1").strip()
    if not key or len(text) > _FILE_LIMIT:
        raise OptionError(f"--key-file {file}: holds no key; one line of base64 is expected")
    place = str(file.absolute())
    python = f"pathlib.Path({json.dumps(place)}).read_text().strip()"
    shell = f"$(cat {shlex.quote(place)})"
    return AccountKey(key, f"(your own, {place})", shell, python, ("import pathlib",))


def make_key() -> AccountKey:
    """A key that nobody knows yet."""
    key = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    return _plain(key, "made up: shown this once", made_up=True)


def _plain(key: str, remark: str, *, made_up: bool = False) -> AccountKey:
    return AccountKey(key, f"{key}  ({remark})", key, json.dumps(key), made_up=made_up)
