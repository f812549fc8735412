"""The variables of a task: what a node is given, and which the computing process may see.

Standard library only. The environment that a node gets beside the task document:

| variable | holds |
|---|---|
| `SCENEFLEET_TASK` | the document, by `spec.encode` |
| `SCENEFLEET_STORE` | a folder, or the `https://` address of a container and prefix |
| `SCENEFLEET_STORE_SAS` | a short-lived write-only SAS for that container, where one is used |
| `SCENEFLEET_STORE_IDENTITY` | the client id of a managed identity, where one is used |
| `SCENEFLEET_RUN` | the run's id: logs go to `runs/<run>/logs/<task>/<attempt>/` |
| `SCENEFLEET_SCRIPT` | the processing script's file, where the document names one |
| `SCENEFLEET_MEMORY` | bytes that the computing process may take; it plans its windows by it |
| `SCENEFLEET_THREADS` | threads that compute, 1 where it is not set |
| `SCENEFLEET_RETRIES` | further attempts at a failure that may pass, 0 where it is not set |

All of it, and whatever else the node holds, stays with the supervisor. The computing process, which
reads other people's files and runs scripts, gets what `PASSED_ON` names and no more: a list of
what is harmless can be complete, and a list of what is secret never is.
"""

from __future__ import annotations

from collections.abc import Mapping

ENV_TASK = "SCENEFLEET_TASK"
ENV_STORE = "SCENEFLEET_STORE"
ENV_STORE_SAS = "SCENEFLEET_STORE_SAS"
ENV_STORE_IDENTITY = "SCENEFLEET_STORE_IDENTITY"
ENV_RUN = "SCENEFLEET_RUN"
ENV_SCRIPT = "SCENEFLEET_SCRIPT"
ENV_MEMORY = "SCENEFLEET_MEMORY"
ENV_THREADS = "SCENEFLEET_THREADS"
ENV_RETRIES = "SCENEFLEET_RETRIES"

_SYSTEM = (
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE",
    "LC_NUMERIC", "LC_COLLATE", "LC_MESSAGES", "LC_TIME", "TZ", "TZDIR", "LD_LIBRARY_PATH",
    "LD_PRELOAD", "DYLD_LIBRARY_PATH", "MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES", "CUDA_VISIBLE_DEVICES",
)  # fmt: skip
_PYTHON = (
    "PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONHASHSEED",
    "PYTHONWARNINGS", "PYTHONMALLOC", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX",
    "PYTHONNOUSERSITE", "PYTHONUSERBASE", "PYTHONUNBUFFERED", "PYTHONFAULTHANDLER", "PYTHONDEVMODE",
    "PYTHONOPTIMIZE", "VIRTUAL_ENV", "CONDA_PREFIX",
)  # fmt: skip
_NETWORK = (
    # certificates, never `SSLKEYLOGFILE`
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GDAL_CURL_CA_BUNDLE",
    # a proxy's own password would be part of its address: who sets one trusts scripts with it
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip
_THREADS = (
    "OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS", "NUMBA_NUM_THREADS",
    "NUMBA_CACHE_DIR", "VECLIB_MAXIMUM_THREADS", "OPJ_NUM_THREADS", "JXL_NUM_THREADS",
)  # fmt: skip
_GDAL = (
    # Tuning by name. Not `GDAL_HTTP_HEADERS`, `GDAL_HTTP_HEADER_FILE`, `GDAL_HTTP_USERPWD`,
    # `GDAL_HTTP_BEARER`, `GDAL_HTTP_COOKIE`, nor what opens a cloud's own file systems; and not
    # `GTIFF_IGNORE_READ_ERRORS`, which would hide what a source lacks.
    "GDAL_DATA", "PROJ_DATA", "PROJ_LIB", "GDAL_CACHEMAX", "GDAL_MAX_DATASET_POOL_SIZE",
    "GDAL_BAND_BLOCK_CACHE", "GDAL_FORCE_CACHING", "GDAL_SWATH_SIZE", "GDAL_HTTP_MAX_RETRY",
    "GDAL_HTTP_RETRY_DELAY", "GDAL_HTTP_CONNECTTIMEOUT", "GDAL_HTTP_LOW_SPEED_TIME", "CPL_DEBUG",
    "CPL_TIMESTAMP",
)  # fmt: skip
_OWN = (ENV_MEMORY, ENV_THREADS)
PASSED_ON = frozenset((*_OWN, *_SYSTEM, *_PYTHON, *_NETWORK, *_THREADS, *_GDAL))
"""Names of variables that the computing process may see. None of them is a secret's."""


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that may be told no secret, made from another's."""
    return {name: environment[name] for name in PASSED_ON if name in environment}
