"""GDAL's settings, put in the process's environment before rasterio is imported.

`rasterio.Env` would hold for one thread only. A value that is set already is kept, so that an
engineer can tune a pool without touching the code.
"""

from __future__ import annotations

from collections.abc import MutableMapping

SETTINGS = {
    # --- fewer requests
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # stop GDAL from looking for files beside it
    "CPL_VSIL_CURL_USE_HEAD": "NO",  # a token may allow GET only, and HEAD costs a round trip
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",  # a COG's header in one request
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",  # neighbouring tiles in one request
    "GDAL_HTTP_MULTIPLEX": "YES",  # where a server speaks HTTP/2: ranges on one connection
    "GDAL_HTTP_TCP_KEEPALIVE": "YES",  # a load balancer forgets a connection that idles for minutes
    "VSI_CACHE": "NO",  # GDAL's cache of blocks and of HTTP answers hold a byte once already
    # --- patience: the same for tiles (`fetch.patience_of`)
    "GDAL_HTTP_MAX_RETRY": "4",
    "GDAL_HTTP_RETRY_DELAY": "1",  # seconds, doubled each time
    "GDAL_HTTP_RETRY_CODES": "429,500,502,503,504",
    "GDAL_HTTP_CONNECTTIMEOUT": "20",  # seconds; without it a dead host holds a node for minutes
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1024",  # bytes a second; slower than this ...
    "GDAL_HTTP_LOW_SPEED_TIME": "60",  # ... for so many seconds is a hang, not a slow link
    # --- the same pixels everywhere
    "GDAL_PAM_ENABLED": "NO",  # no .aux.xml beside outputs, none believed beside sources
    "GDAL_NUM_THREADS": "1",  # a node has one slot a core; two threads cost the same CPU
    "OPENBLAS_NUM_THREADS": "1",  # idle BLAS threads cost 2.5 CPU-s a scene
}  # fmt: skip
_CACHE_SHARE = 0.2
"""Of a task's memory, for GDAL's blocks: a row of tiles of three rasters is under 40 MB, and a
turned grid wants several."""
_HTTP_SHARE = 0.06
"""Of a task's memory, for GDAL's HTTP answers: a tile is read once."""


def apply_settings(environment: MutableMapping[str, str], memory: int) -> None:
    """Adds what is not set yet.

    Args:
        environment: of the process.
        memory: bytes that it may take.
    """
    shares = {
        "GDAL_CACHEMAX": str(gdal_cache(memory)),  # MB
        "CPL_VSIL_CURL_CACHE_SIZE": str(round(memory * _HTTP_SHARE)),  # bytes
    }
    for name, value in {**SETTINGS, **shares}.items():
        environment.setdefault(name, value)


def gdal_cache(memory: int) -> int:
    """Megabytes of GDAL's cache of blocks."""
    return max(16, round(memory * _CACHE_SHARE / 1e6))
