"""Runs tasks on files that are broken, made up or hostile, and says of each whether it ended right.

`make fuzz-sources` runs 2,000 that are made at random, of which a sample by the command that a node
runs and the rest by the code behind it. What a seed found comes again by
`make fuzz-sources FUZZ_OPTIONS="--seed 12345 --only 678 --keep build/fuzz"`; the number of files
must be the same.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import rasterio

from fuzz_sources.corpus import Case, cases
from fuzz_sources.hostile import NUMBER, lure_in
from fuzz_sources.judge import Verdict
from fuzz_sources.seeds import CRS, TRANSFORM, made
from fuzz_sources.worker import Order
from range_server import RangeServer

_ENDS = (".aux.xml", ".msk", ".ovr", ".tfw", ".tifw", ".wld")
SIDECARS = tuple(
    stem + end for stem in ("", ".tif") for lower in _ENDS for end in (lower, lower.upper())
)
"""What a reader may ask for beside a source."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the corpus; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, help="the same seed makes the same files")
    parser.add_argument("--only", type=int, help="the number of one file")
    parser.add_argument("--keep", type=Path, help="a new folder, for files and outputs of findings")
    parser.add_argument("--real", type=int, default=40, help="run so many by the task's command")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="the findings as JSON")
    arguments = parser.parse_args(argv)
    seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    began = time.monotonic()
    with ExitStack() as stack:
        folder = arguments.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-sources-"))
        )
        served = folder.absolute() / "served"
        served.mkdir(parents=True)
        sources = stack.enter_context(RangeServer(served, version="strong"))
        inside = stack.enter_context(RangeServer(served / "nothing"))
        canary = f"CANARY-{secrets.token_hex(24)}"
        _bait(served, canary)
        lure = lure_in(served, f"{inside.address}/{NUMBER}")
        every = make(folder.absolute(), cases(seed, arguments.files, lure), arguments.only)
        orders = [
            Order(
                part=part,
                parts=arguments.workers,
                step=max(1, arguments.files // max(1, arguments.real)),
                folder=str(folder.absolute()),
                canary=canary,
                served=sources.address,
            )
            for part in range(arguments.workers)
        ]
        verdicts = _work(orders, canary)
        verdicts = with_requests(verdicts, every, sources.requests, inside.requests)
    print(_report(every, verdicts, seed, time.monotonic() - began))
    if arguments.json:
        found = [
            {**asdict(verdict), "case": every[verdict.number].told}
            for verdict in verdicts
            if verdict.wrong
        ]
        arguments.json.write_text(json.dumps(found, indent=1))
    missing = len(every) - len(verdicts)
    return 1 if missing or any(verdict.wrong for verdict in verdicts) else 0


def make(folder: Path, wanted: Iterable[Case], only: int | None) -> dict[int, Case]:
    """Writes the files of cases, and the seeds that they were made of; the cases by number."""
    every: dict[int, Case] = {}
    (folder / "seeds").mkdir()
    for case in wanted:
        if only not in (None, case.number):
            continue
        write(case, folder / "served" / f"{case.number}")
        if case.seed:
            (folder / "seeds" / f"{case.seed}.tif").write_bytes(made(case.seed))
        every[case.number] = replace(case, content=b"", beside={})
    (folder / "cases.json").write_text(json.dumps([_plain(case) for case in every.values()]))
    return every


def _plain(case: Case) -> dict[str, object]:
    """As JSON, without its bytes."""
    return {key: value for key, value in asdict(case).items() if key not in ("content", "beside")}


def write(case: Case, folder: Path) -> Path:
    """Writes a case's files into a new folder; gives its source."""
    folder.mkdir()
    source = folder / case.name
    source.write_bytes(case.content)
    for suffix, content in case.beside.items():
        source.with_name(source.stem + suffix).write_bytes(content)
    return source


def _bait(served: Path, canary: str) -> None:
    """What hostile files would like to have: a secret, and a raster of its letters."""
    (served / "secret.txt").write_text(canary * 500)
    os.mkfifo(served / "pipe")
    letters = np.frombuffer((canary * 20_000).encode(), np.uint8)
    with rasterio.open(
        served / "raster.tif", "w", driver="GTiff", dtype="uint8", count=1, height=750, width=720,
        crs=CRS, transform=TRANSFORM,
    ) as dataset:  # fmt: skip
        dataset.write(letters[: 750 * 720].reshape(750, 720), 1)


def _work(orders: Sequence[Order], canary: str) -> list[Verdict]:
    """Has the cases run by as many processes as there are orders."""
    verdicts: list[Verdict] = []
    errors: list[str] = []

    def follow(order: Order) -> None:
        command = [sys.executable, "-m", "fuzz_sources.worker", json.dumps(asdict(order))]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=_environment(canary)
        ) as process:
            assert process.stdout
            verdicts.extend(Verdict(**json.loads(line)) for line in process.stdout)
        if process.returncode:
            errors.append(f"worker {order.part} ended with code {process.returncode}")

    threads = [threading.Thread(target=follow, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        print(error, file=sys.stderr)
    return sorted(verdicts, key=lambda verdict: verdict.number)


def _environment(canary: str) -> dict[str, str]:
    """A secret is in it, as a task's write token is."""
    tests = str(Path(__file__).resolve().parents[1])
    return {
        **os.environ,
        "SCENEFLEET_STORE_SAS": f"sig={canary}",
        "GDAL_HTTP_RETRY_DELAY": "0.01",
        "PYTHONPATH": os.pathsep.join(filter(None, (tests, os.environ.get("PYTHONPATH")))),
    }


def with_requests(
    verdicts: Sequence[Verdict],
    every: dict[int, Case],
    asked: Sequence[str],
    inside: Sequence[str],
) -> list[Verdict]:
    """The verdicts, where requests were made that nobody may make."""
    found = {verdict.number: verdict for verdict in verdicts}
    for path in inside:
        number = re.match(r"/(\d+)/", path)
        at = int(number[1]) if number else -1
        found[at] = Verdict(at, "LEAK: a request to an address inside", path)
    for path in asked:
        number = re.match(r"/(\d+)/(.*)", path)
        at = int(number[1]) if number else -1
        name = every[at].name if at in every else ""
        stem = name.removesuffix(".tif")
        allowed = {name, *(stem + suffix for suffix in SIDECARS)}
        if not number or number[2] not in allowed:
            found[at] = Verdict(at, "LEAK: a request for what is not the source", path)
    return [found[number] for number in sorted(found)]


def _report(every: dict[int, Case], verdicts: Sequence[Verdict], seed: int, seconds: float) -> str:
    """By kind: first what ended how, then the findings with what made them."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    lines = [f"{len(verdicts)} of {len(every)} files, seed {seed}, {seconds:.0f} s"]
    lines += [f"{count:6d}  {outcome}" for outcome, count in counts.most_common()]
    by_kind: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.wrong:
            by_kind[verdict.outcome].append(verdict)
    for kind, those in sorted(by_kind.items()):
        lines.append(f"\n{kind}: {len(those)}")
        for verdict in those:
            told = every[verdict.number].told if verdict.number in every else "?"
            lines.append(f"  {told}\n      {verdict.detail}")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
