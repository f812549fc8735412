"""Serves a file of items by stac-fastapi-geoparquet. Runs in an environment of its own.

Arguments: an ItemCollection, and the parquet file to make of it. Prints its address once it
listens.
"""

import asyncio
import json
import os
import socket
import sys
from pathlib import Path

source, parquet = sys.argv[1:]
# read when the module is imported
os.environ["STAC_FASTAPI_GEOPARQUET_HREF"] = parquet

import rustac  # noqa: E402
import rustac_duckdb_extensions  # noqa: E402
import stac_fastapi.geoparquet.api  # noqa: E402
import uvicorn  # noqa: E402

items = json.loads(Path(source).read_text())


async def write() -> None:
    """A coroutine of its own, since rustac wants a running loop when it is called."""
    await rustac.write(parquet, items)


asyncio.run(write())
client = rustac.DuckdbClient(
    extension_directory=rustac_duckdb_extensions.extension_directory(),
    install_extensions=False,
    extensions=["icu", "parquet", "spatial"],
)
app = stac_fastapi.geoparquet.api.create(duckdb_client=client).app
listener = socket.create_server(("127.0.0.1", 0))
print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run([listener])
