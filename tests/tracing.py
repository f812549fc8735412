"""What a process and all its children open and connect to, told by the kernel.

A hook in Python would not see what GDAL, PROJ and libcurl do; `strace -f` sees every system call.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_OPENS = ("open", "openat", "openat2", "creat", "execve", "execveat", "memfd_create")
_CALL = re.compile(r"^(?:\[pid +)?\d*\]? *(?P<name>\w+)\((?P<words>.*)")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PORT = re.compile(r"sin6?_port=htons\((\d+)\)")
_HOST = re.compile(r'(?:inet_addr\("|inet_pton\(AF_INET6, ")([^"]+)"')
_UNIX = re.compile(r'sun_path=@?"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Trace:
    """What was asked of the kernel, whether or not it was granted."""

    files: frozenset[str]
    """Paths that were opened or executed, absolute."""
    addresses: frozenset[str]
    """`HOST:PORT` of what was connected or sent to; a path of a Unix socket."""


def traced(
    command: Sequence[str], strace: Path, record: Path, cwd: Path, environment: Mapping[str, str]
) -> tuple[subprocess.CompletedProcess[str], Trace]:
    """Runs a command under strace, and gives how it ended and what it asked for.

    Args:
        command: what is run.
        strace: the program.
        record: a file for what it writes.
        cwd: where the command runs; paths that are not absolute are taken from there.
        environment: of the command.
    """
    options = ("-f", "-qq", "-s", "4096", "-e", "trace=%file,%network", "-e", "signal=none")
    done = subprocess.run(
        [str(strace), *options, "-o", str(record), *command],
        cwd=cwd, env=dict(environment), capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    return done, parse(record.read_text(errors="surrogateescape"), cwd)


def parse(record: str, cwd: Path) -> Trace:
    """Reads what strace wrote."""
    files: set[str] = set()
    addresses: set[str] = set()
    for line in record.splitlines():
        call = _CALL.match(line)
        if not call:  # the rest of a call that began in another line, with its path
            continue
        name, words = call["name"], call["words"]
        if name in _OPENS and (path := _TEXT.search(words)):
            given = _text(path[1])
            files.add(given if given.startswith("/") else str(cwd / given))
        elif name in ("connect", "sendto", "sendmsg", "sendmmsg"):
            if (port := _PORT.search(words)) and (host := _HOST.search(words)):
                addresses.add(f"{host[1]}:{port[1]}")
            elif unix := _UNIX.search(words):
                addresses.add(unix[1])
    return Trace(frozenset(files), frozenset(addresses))


def _text(escaped: str) -> str:
    """A path from strace's form of it, in which bytes beyond ASCII are octal numbers."""
    return escaped.encode().decode("unicode_escape").encode("latin-1").decode(errors="replace")
