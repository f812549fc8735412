"""Keeps the client's secrets from other processes: few variables are passed on, memory is closed.

A user's environment holds keys for all kinds of services. The emulator and the tasks of a local run
need none of them, and a task's script must not find them: neither in what it was started with, nor
by looking into the client, which is a process of the same user.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping

_NAMES = frozenset((
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LANG", "LANGUAGE", "TZ", "TZDIR",
    "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX",
    "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "DOCKER_HOST", "DOCKER_CONTEXT", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES",
))  # fmt: skip
_FAMILIES = ("LC_", "PYTHON", "CONTAINER", "DOCKER_TLS", "DOCKER_CERT")
_TUNING = ("GDAL_", "CPL_", "PROJ_", "VSI_", "GTIFF_", "OMP_", "OPENBLAS_", "MKL_", "NUMBA_")
"""What a user may tune the task by, where it is tried. It passes on what it knows by name only."""
_SECRET = ("HEADER", "USERPWD", "BEARER", "COOKIE", "KEY", "SECRET", "TOKEN", "PASSW", "AUTH")
_SIGNING = ("PC_SDK_SAS_URL", "PC_SDK_SUBSCRIPTION_KEY")
"""What Planetary Computer's package takes from its environment."""
_DUMPABLE = 4
"""`PR_SET_DUMPABLE` of prctl(2)."""


def surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that the client's child processes get: no key, token or setting."""
    return {
        name: value
        for name, value in environment.items()
        if name in _NAMES or name.startswith(_FAMILIES)
    }


def tuning(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that only make reading and computing faster or slower."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(_TUNING) and not any(word in name for word in _SECRET)
    }


def signing(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a task's supervisor signs addresses with; it passes them to nobody."""
    return {name: environment[name] for name in _SIGNING if environment.get(name)}


def conceal() -> None:
    """Forbids other processes of this user to read this one's environment and memory, on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DUMPABLE, *(ctypes.c_ulong(0),) * 4)
