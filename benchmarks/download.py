"""A bare concurrent download by obstore, 8 at a time: the floor of all that reads over HTTP.

`python benchmarks/download.py ADDRESS JOB` reads ranges from JSON, `[[file, offset, size], ...]`,
and throws the bytes away. Prints `wall`, the seconds from the first request to the last byte
without the interpreter's start, and `bytes`.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
from obstore.store import HTTPStore

AT_ONCE = 8


def main() -> None:
    address, job = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    store = HTTPStore.from_url(address, client_options={"allow_http": True, "http1_only": True})

    def fetch(wanted: tuple[str, int, int]) -> int:
        name, start, size = wanted
        return len(obstore.get_range(store, name, start=start, length=size))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        start = time.monotonic()
        held = sum(pool.map(fetch, job))
        wall = time.monotonic() - start
    print(json.dumps({"wall": wall, "bytes": held}))


if __name__ == "__main__":
    main()
