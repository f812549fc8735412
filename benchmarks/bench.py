"""All benchmarks in turn, as `make bench` runs them: tables, then every target beside its ratio.

A scene by the task, the limit and the peers (`scene_bench.py`), planning 100,000 items
(`planning.py`) and submitting as many tasks (`submission.py`). Writes all of it as JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

import machine
import scene_bench
from measure import Json
from services import HERE
from table import Table, ended, parser, text, to_json, write

OTHERS = ("planning", "submission")


def other(name: str, arguments: argparse.Namespace) -> Json:
    """What another benchmark wrote; it prints its own table."""
    target = (arguments.folder / f"{name}.json").absolute()
    target.unlink(missing_ok=True)
    script = str(HERE / f"{name}.py")
    numbers = ("--rounds", str(arguments.rounds), "--count", str(arguments.count))
    command = [arguments.python, script, *numbers, "--json", str(target)]
    done = subprocess.run(command, check=False)
    if not target.exists():  # else what failed stands in it
        return {"error": f"ended with {done.returncode}"}
    return json.loads(target.read_text())


def targets_of(told: object) -> list[Json]:
    """All targets in a benchmark's JSON, wherever they stand."""
    if isinstance(told, dict):
        here = [told] if "met" in told and "what" in told else []
        return here + [found for value in told.values() for found in targets_of(value)]
    if isinstance(told, list):
        return [found for value in told for found in targets_of(value)]
    return []


def summary(told: Json) -> str:
    """Every target in one line."""
    words = {None: "not measured", True: "met", False: "MISSED"}
    lines = ["== Targets"]
    for target in targets_of(told):
        found = "-" if target.get("found") is None else f"{target['found']:.2f}"
        limit = f"{target.get('limit', 0):.3g}{target.get('unit') or ''}"
        lines.append(f"{words[target['met']]:>12}  {found:>8} of {limit:<8} {target['what']}")
    return "\n".join(lines)


def main() -> int:
    made = parser(__doc__)
    scene_bench.add_options(made, (*scene_bench.PARTS, *OTHERS))
    made.add_argument("--count", type=int, default=100_000, help="items to plan, and to submit")
    arguments = made.parse_args()
    header = machine.header(arguments.python, arguments.peers)
    print(machine.text(header), end="\n\n", flush=True)
    found: list[Table] = []
    told: Json = to_json(header, [])
    for one in scene_bench.tables(arguments):
        found.append(one)
        print(text(one), flush=True)
        told = to_json(header, found)
        write(arguments.json, told)
    for name in filter(set(arguments.only).__contains__, OTHERS):
        told[name] = other(name, arguments)
        write(arguments.json, told)
    print(summary(told))
    return ended(told)


if __name__ == "__main__":
    sys.exit(main())
