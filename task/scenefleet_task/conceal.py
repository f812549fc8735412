"""Closes a process to others of its user: what it holds in memory, and what it may do. Linux only.

A process may read the environment and the memory of any other process of its user, by `/proc` or
ptrace, unless the other forbids it (`conceal`), or it lacks a capability that the other has
(`confine`, of a task that runs as root). Elsewhere than on Linux both do nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

_LINUX = sys.platform == "linux"
_PDEATHSIG, _DUMPABLE, _NO_NEW_PRIVS, _DROP_BOUNDING, _AMBIENT = 1, 4, 38, 24, 47
"""Of prctl(2)."""
_CLEAR_ALL = 4
_CAPABILITIES = 0x20080522
"""The version of capset(2)'s words: 64 bits, as two of 32."""
_BITS = 64
_DAC_OVERRIDE = 1
_KEPT = 1 << _DAC_OVERRIDE
"""What a task that runs as root keeps: files of others. Batch mounts a container's working folder,
which belongs to the node's own user, and sources may belong to anybody; without it root could not
even import the task's code there. It opens no other process: that takes CAP_SYS_PTRACE, or all
capabilities that the other has."""
_OOM_SCORE = 300
"""Added to the computing process's badness, of 1000: it is ended before its supervisor."""


def conceal() -> None:
    """Forbids other processes of this user to read this one's environment, memory and descriptors.

    Nor is its memory written to a core dump. Root, with all capabilities, may still look.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if _LINUX:
        _prctl(_DUMPABLE, 0)


def confine(parent: int) -> None:
    """Takes from this process what it does not need: before it reads what others wrote.

    Capabilities, also of programs that it starts; and it ends with its parent. It must have one
    thread.

    Args:
        parent: the id of the process that started it.

    Raises:
        SystemExit: if the parent has ended already.
        OSError: if the kernel leaves it a capability.
    """
    if _LINUX:
        _prctl(_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError):  # a sandbox may have no such file, or hold it shut
            own = Path("/proc/self/oom_score_adj")
            own.write_text(str(max(int(own.read_text()), _OOM_SCORE)))
        _prctl(_NO_NEW_PRIVS, 1)
        _drop_capabilities()
    conceal()  # its tokens to read sources with are not for other tasks
    if os.getppid() != parent:
        raise SystemExit(1)


def _drop_capabilities() -> None:
    for number in range(_BITS):
        if number != _DAC_OVERRIDE:
            # needs a capability itself; without one, `no_new_privs` alone keeps all others away
            with contextlib.suppress(OSError):
                _prctl(_DROP_BOUNDING, number)
    with contextlib.suppress(OSError):  # older than Linux 4.3: there are none
        _prctl(_AMBIENT, _CLEAR_ALL)
    head = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0)
    words = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; the low 32 bits first
    _check(_libc().capget(head, words))
    kept = words[1] & _KEPT
    _check(_libc().capset(head, (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0)))


def _prctl(what: int, value: int) -> None:
    _check(_libc().prctl(what, ctypes.c_ulong(value), *(ctypes.c_ulong(0),) * 3))


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _libc() -> Any:  # noqa: ANN401 - ctypes has no types for it
    return ctypes.CDLL(None, use_errno=True)
