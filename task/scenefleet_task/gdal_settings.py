"""GDAL's settings, put in the process's environment before rasterio is imported.

`rasterio.Env` would hold for one thread only. A value that is set already is kept, so that an
engineer can tune a pool without touching the code.
"""

from __future__ import annotations

from collections.abc import MutableMapping

from scenefleet_task.drivers import FORCED

SETTINGS = {
    # --- patience with servers: `fetch.patience_of` reads them, by GDAL's names
    "GDAL_HTTP_MAX_RETRY": "4",
    "GDAL_HTTP_RETRY_DELAY": "1",  # seconds, doubled each time
    "GDAL_HTTP_CONNECTTIMEOUT": "20",  # seconds; without it a dead host holds a node for minutes
    "GDAL_HTTP_LOW_SPEED_TIME": "60",  # seconds without a byte
    # --- the same pixels everywhere
    "OPENBLAS_NUM_THREADS": "1",  # idle BLAS threads cost 2.5 CPU-s a scene
    **FORCED,
}
_CACHE_SHARE = 0.2
"""Of a task's memory, for GDAL's blocks: a row of tiles of three rasters is under 40 MB, and a
turned grid wants several."""


def apply_settings(environment: MutableMapping[str, str], memory: int) -> None:
    """Adds what is not set yet, and sets what nobody may set otherwise.

    Args:
        environment: of the process.
        memory: bytes that it may take.
    """
    shares = {"GDAL_CACHEMAX": str(gdal_cache(memory))}  # MB
    for name, value in {**SETTINGS, **shares}.items():
        environment.setdefault(name, value)
    environment.update(FORCED)


def gdal_cache(memory: int) -> int:
    """Megabytes of GDAL's cache of blocks."""
    return max(16, round(memory * _CACHE_SHARE / 1e6))
