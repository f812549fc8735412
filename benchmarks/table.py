"""Tables of a benchmark: rows of runs, targets beside ratios; aligned text, and JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from measure import Command, Run, spread

Json = dict[str, Any]
Spread = tuple[float, float, float]
"""Minimum, median, maximum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One command's runs."""

    name: str
    note: str
    rounds: int
    error: str
    cpu: Spread | None
    """Seconds."""
    wall: Spread | None
    """Seconds."""
    peak: float | None
    """MB, the highest of all runs."""
    tree: float | None
    read: float | None
    """MB, the median, as the rest."""
    written: float | None
    output: float | None
    http: float | None
    """MB that the server sent."""
    requests: float | None
    said: tuple[Json, ...]
    """By run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A ratio that must not be higher than a limit."""

    what: str
    found: float | None
    """None where a row it needs is not there."""
    limit: float
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """None where it was not measured."""
        return None if self.found is None else self.found <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What belongs together, measured in turn."""

    title: str
    rows: tuple[Row, ...]
    targets: tuple[Target, ...] = ()
    text: str = ""
    """Below the title."""

    def row(self, name: str) -> Row | None:
        """The row of that name, if it was measured."""
        return next((row for row in self.rows if row.name == name and not row.error), None)


def row(
    command: Command,
    runs: Sequence[Run],
    cpu: Callable[[Run], float | None] = lambda run: run.cpu,
    wall: Callable[[Run], float | None] = lambda run: run.wall,
) -> Row:
    """A command's row; `cpu` and `wall` tell what of a run counts, None that nothing does."""
    error = next((run.error for run in runs if run.error), "" if runs else "not run")
    good = [] if error else runs

    def median(of: Callable[[Run], float | None]) -> float | None:
        found = _spread(good, of)
        return found[1] if found else None

    peaks = _spread(good, lambda run: run.peak or None)
    trees = _spread(good, lambda run: run.tree or None)
    return Row(
        name=command.name,
        note=command.note,
        rounds=len(good),
        error=error,
        cpu=_spread(good, cpu),
        wall=_spread(good, wall),
        peak=peaks[2] if peaks else None,
        tree=trees[2] if trees else None,
        read=median(lambda run: run.read or None),
        written=median(lambda run: run.written or None),
        output=median(lambda run: run.output or None),
        http=median(lambda run: run.said["bytes"] / 1e6 if "requests" in run.said else None),
        requests=median(lambda run: run.said.get("requests")),
        said=tuple(run.said for run in good),
    )


def _spread(runs: Sequence[Run], of: Callable[[Run], float | None]) -> Spread | None:
    values = [value for run in runs if (value := of(run)) is not None]
    return spread(values) if values else None


def ratio(above: Row | None, below: Row | None, what: str = "cpu") -> float | None:
    """Of two rows' medians."""
    values = [getattr(row, what) if row else None for row in (above, below)]
    if None in values:
        return None
    upper, lower = (value[1] if isinstance(value, tuple) else value for value in values)
    return upper / lower


COLUMNS: Mapping[str, Callable[[Row], Sequence[float | None]]] = {
    "CPU s": lambda row: row.cpu or (None,) * 3,
    "wall s": lambda row: row.wall or (None,) * 3,
    "peak": lambda row: (row.peak,),
    "tree": lambda row: (row.tree,),
    "read": lambda row: (row.read,),
    "written": lambda row: (row.written,),
    "output": lambda row: (row.output,),
    "HTTP in": lambda row: (row.http,),
    "requests": lambda row: (row.requests,),
}


def text(table: Table) -> str:
    """The table with aligned columns; columns that are empty are left out."""
    used = {
        title: cells
        for title, cells in COLUMNS.items()
        if any(value is not None for row in table.rows for value in cells(row))
    }
    lines = [["", *(_title(title) for title in used), "runs"]]
    for row in table.rows:
        cells = ["   ".join(_number(n) for n in cells(row)) for cells in used.values()]
        lines.append([row.name, *cells, str(row.rounds)])
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    shown = [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    said = [
        f"  {row.name}: {'; '.join(filter(None, (row.error, row.note)))}"
        for row in table.rows
        if row.error or row.note
    ]
    head = [f"== {table.title}", *([table.text] if table.text else [])]
    if not table.rows:
        shown = []
    return "\n".join([*head, *shown, *said, *map(_line, table.targets), ""])


def _title(title: str) -> str:
    return f"{title}: min   median   max" if title.endswith(" s") else title


def _number(value: float | None) -> str:
    if value is None:
        return "-".rjust(6)
    return f"{value:6.2f}" if value < 100 else f"{value:6.0f}"


def _line(target: Target) -> str:
    word = {None: "NOT MEASURED", True: "met", False: "MISSED"}[target.met]
    found = "" if target.found is None else f"{target.found:.2f}{target.unit}, "
    return f"  -> {target.what}: {found}must be {target.limit:g}{target.unit} or less: {word}"


def to_json(header: Json, tables: Sequence[Table]) -> Json:
    """All of it."""
    return {
        "header": header,
        "tables": [
            {
                "title": table.title,
                "text": table.text,
                "rows": [asdict(row) for row in table.rows],
                "targets": [{**asdict(t), "met": t.met} for t in table.targets],
            }
            for table in tables
        ],
    }


def parser(description: str | None) -> argparse.ArgumentParser:
    """What each benchmark takes."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--rounds", type=int, default=5, help="runs of each row")
    made.add_argument("--json", type=Path, help="also writes all to this file")
    return made


def ended(told: object) -> int:
    """The exit code of a benchmark: 1 where a command of it failed, which is said once more.

    A target that is missed is no failure: seconds belong to a machine.

    Args:
        told: what it writes as JSON, tables or more.
    """
    failed = list(_errors(told))
    for error in failed:
        print(f"failed: {error}", file=sys.stderr)
    return 1 if failed else 0


def _errors(told: object) -> Iterator[str]:
    if isinstance(told, dict):
        if told.get("error"):
            yield f"{told.get('name', 'a benchmark')}: {told['error']}"
        told = list(told.values())
    if isinstance(told, list | tuple):
        for one in told:
            yield from _errors(one)


def write(path: Path | None, value: Json) -> None:
    """JSON to a file, if one is wanted."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=1) + "\n")
