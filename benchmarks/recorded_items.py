"""Makes any number of STAC items out of recorded ones, each with its own date, tile and numbers.

What differs between real items of a collection differs here too, throughout the item: when and
where it was seen (ids, addresses, `datetime`, footprint), and every measured number. So neither a
cache nor compression meets items more alike than real ones. Each fiftieth comes twice, as on pages
that shift while they are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

FILES = (
    "pc_search_s2l2a_b0212_33",
    "pc_s2l2a_one_tile_two_months_13",
    "pc_s2l2a_two_items",
    "pc_items_landsat-c2-l2_page_next",
)
"""Answers of Planetary Computer: 48 items of Sentinel-2 and 10 of Landsat."""

_FIRST = datetime(2016, 1, 1, tzinfo=UTC)
_DAYS = 3650
_LETTERS = "CDEFGHJKLMNPQRSTUVWX"
_SENTINEL = re.compile(r"S2._MSIL2A_(\d{8})T(\d{6})_R\d{3}_T(\d\d)([A-Z])([A-Z]{2})_")
_LANDSAT = re.compile(r"L..._L2S._(\d{6})_(\d{8})_")
_MEASURED = r"(?<![\d.])-?\d*[1-9]\d*\.\d{6,}"
"""A number with six decimals or more and not below 1: a vertex or a share, no scale."""


@dataclass(frozen=True, slots=True)
class _Template:
    """An item's text between what differs, and what differs: a kind, or the recorded number."""

    texts: tuple[str, ...]
    gaps: tuple[str, ...]


def write_items(target: Path, count: int, folder: Path) -> None:
    """Writes so many items to a file, a line each; the same ones each time.

    Args:
        target: the file.
        count: how many.
        folder: of the recorded answers.
    """
    templates = [_template(item) for item in recorded(folder)]
    random = Random(count)  # noqa: S311 - no secret
    line = ""
    with target.open("w", encoding="utf-8") as file:
        for number in range(count):
            if number % 50 != 49:
                line = _filled(templates[number % len(templates)], random) + "\n"
            file.write(line)


def recorded(folder: Path) -> Iterator[dict[str, Any]]:
    """The recorded items."""
    for name in FILES:
        yield from json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["features"]


def _template(item: dict[str, Any]) -> _Template:
    kinds = _kinds(item["id"])
    text = json.dumps(item, ensure_ascii=False)
    wanted = "|".join(re.escape(old) for old in sorted(kinds, key=len, reverse=True))
    pieces = re.split(f"({wanted}|{_MEASURED})", text)
    gaps = tuple(kinds.get(gap, gap) for gap in pieces[1::2])
    return _Template(tuple(pieces[::2]), gaps)


def _kinds(name: str) -> dict[str, str]:
    """What of an item's texts tells when and where, each as a format of the new values."""
    if found := _SENTINEL.match(name):
        date, time, zone, band, square = found.groups()
        places = {zone + band + square: "{zone}{band}{square}"}
        places |= {f"/{zone}/{band}/{square}": "/{zone}/{band}/{square}"}
        times = {time: "{t:%H%M%S}", f"T{time[:2]}:{time[2:4]}:{time[4:]}": "T{t:%H:%M:%S}"}
    else:
        found = _LANDSAT.match(name)
        assert found
        place, date = found.groups()
        places = {place: "{row}", f"/{place[:3]}/{place[3:]}": "/{row:.3}/{square}"}
        times = {}
    days = {
        date: "{t:%Y%m%d}",
        f"{date[:4]}-{date[4:6]}-{date[6:]}": "{t:%Y-%m-%d}",
        f"/{date[:4]}/{date[4:6]}/{date[6:]}": "/{t:%Y/%m/%d}",
    }
    return places | times | days


def _filled(template: _Template, random: Random) -> str:
    values = {
        "t": _FIRST + timedelta(days=random.randrange(_DAYS), seconds=random.randrange(86_400)),
        "zone": f"{random.randint(1, 60):02}",
        "band": random.choice(_LETTERS),
        "square": random.choice(_LETTERS) + random.choice(_LETTERS),
        "row": f"{random.randrange(1_000_000):06}",
    }
    made: dict[str, str] = {}
    parts = [template.texts[0]]
    for gap, text in zip(template.gaps, template.texts[1:], strict=True):
        if gap not in made:
            new = gap.format(**values) if "{" in gap else _measured(gap, random)
            made[gap] = new
        parts += (made[gap], text)
    return "".join(parts)


def _measured(number: str, random: Random) -> str:
    """Another number of as many digits, near enough to stay where the item is."""
    whole, _, decimals = number.partition(".")
    return f"{whole}.{random.randrange(10 ** len(decimals)):0{len(decimals)}}"
