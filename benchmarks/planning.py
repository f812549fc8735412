"""What planning costs: items in a file become a plan that is written and read back, beside pystac.

- plan: the scenes of a file of items (`search`: every check and filter, duplicates), `plan`, the
  run's files written to a folder (`items.jsonl`, `plan.jsonl`), and the plan read back with every
  check, each as `scenefleet run` does it.
- pystac: `json.loads` of each line of the same file and `pystac.Item.from_dict` of that, as it
  comes, none kept.

In turn, each in a process of its own; CPU and memory are the whole process's, start included. Items
are made of recorded ones (`recorded_items.py`), a line each.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import machine
from measure import Command, measure
from recorded_items import write_items
from table import Table, Target, ended, parser, ratio, row, text, to_json, write

HERE = Path(__file__).resolve().parent
MOST_TIMES, MOST_MB = 2.0, 300.0
PLAN, PYSTAC = "plan, write, read back", "pystac.Item.from_dict"
RECIPE = """version: 1
name: planning
search:
  catalog: {items}
  collections: [sentinel-2-l2a, landsat-c2-l2]
  dates: 2010-01-01/2030-12-31
  cloud_below: 100
"""


def plan_once(items: Path, folder: Path) -> None:
    """One plan from file to file and back; says the CPU seconds of each stage."""
    from scenefleet.catalog import search
    from scenefleet.plan import plan
    from scenefleet.recipe import RecipeFile, parse
    from scenefleet.run.record import create, load_plan
    from scenefleet.store.folder import FolderStore

    path, content = folder / "recipe.yaml", RECIPE.format(items=items)
    source = RecipeFile(parse(content, path), path, content)
    clock = [time.process_time()]

    def lap() -> float:
        clock.append(time.process_time())
        return clock[-1] - clock[-2]

    found = search(source.recipe.search, base=folder)
    said = {"search": lap()}
    planned = plan(source.recipe, found.items)
    said["plan"] = lap()
    store = FolderStore(folder)
    run = create(store, source, planned, found.items)
    said |= {"write": lap(), "scenes": len(found.items), "tasks": len(planned.documents)}
    del found, planned  # who reads a plan back is another process
    again = load_plan(store, run)
    said |= {"read back": lap(), "read": len(again.documents)}
    print(json.dumps({"run": run.id, **said}))


def parse_once(items: Path) -> None:
    """The comparison."""
    import pystac

    count = 0
    with items.open("rb") as file:
        for line in file:
            pystac.Item.from_dict(json.loads(line))
            count += 1
    print(json.dumps({"items": count}))


def command(side: str, items: Path, output: Path | None = None) -> tuple[str, ...]:
    """What measures one side."""
    store = ("--store", str(output)) if output else ()
    return (
        sys.executable,
        str(HERE / "planning.py"),
        "--side",
        side,
        "--items",
        str(items),
        *store,
    )


def table(items: Path, count: int, rounds: int, folder: Path) -> Table:
    """Both in turn."""
    store = folder / "store"
    commands = [
        Command(name=PYSTAC, argv=command("pystac", items)),
        Command(name=PLAN, argv=command("plan", items, store), output=store),
    ]
    runs = measure(commands, rounds, folder / "logs", warm=False)
    rows = tuple(row(one, runs[one.name]) for one in commands)
    theirs, ours = rows
    return Table(
        title=f"Planning {count} items ({items.stat().st_size / 1e9:.2f} GB)",
        rows=rows,
        targets=(
            Target(what="CPU of planning to pystac's", found=ratio(ours, theirs), limit=MOST_TIMES),
            Target(what="peak memory of planning", found=ours.peak, limit=MOST_MB, unit=" MB"),
        ),
    )


def main() -> int:
    """Runs the benchmark, or one side of it."""
    made = parser(__doc__)
    made.add_argument("--count", type=int, default=100_000, help="items")
    shared = Path(os.environ.get("SCENEFLEET_SHARED", HERE.parents[1] / "shared"))
    made.add_argument("--recorded", type=Path, default=shared / "data/stac", help="recorded items")
    made.add_argument("--side", choices=("plan", "pystac"), help=argparse.SUPPRESS)
    made.add_argument("--items", type=Path, help=argparse.SUPPRESS)
    made.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    arguments = made.parse_args()
    if arguments.side == "pystac":
        parse_once(arguments.items)
    elif arguments.side == "plan":
        plan_once(arguments.items, arguments.store)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            items = Path(temporary, "items.jsonl")
            write_items(items, arguments.count, arguments.recorded)
            found = table(items, arguments.count, arguments.rounds, Path(temporary))
        header = machine.header(sys.executable, None)
        print(text(found))
        write(arguments.json, told := to_json(header, [found]))
        return ended(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
