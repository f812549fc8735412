"""The corpus: cases by number, the same for the same seed. Nothing here runs the task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from fuzz_sources.hostile import NUMBER, Lure, hostile
from fuzz_sources.mutate import MUTATIONS
from fuzz_sources.seeds import SEEDS, made, seed_of
from fuzz_sources.tiff import Tiff

Way = Literal["file", "http", "grid"]
"""How a task gets its pixels: from a path, from an address, or resampled to a grid, from a path."""
WAYS: tuple[Way, ...] = ("file", "http", "grid")
_WEIGHTS = (45, 40, 15)


@dataclass(frozen=True, slots=True)
class Case:
    """One file of the corpus."""

    number: int
    family: str
    """What was done to it, or what it is."""
    seed: str | None
    """The well-made raster that it was made of; None where it never was one."""
    way: Way
    content: bytes = field(default=b"", repr=False)
    beside: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Files beside it, by what is added to its name without `.tif`."""
    harmless: bool = False
    """Whether it is to be read as if nothing had been done."""
    contradicts: bool = False
    """Whether its tables contradict themselves, so that it is to be refused."""

    @property
    def name(self) -> str:
        """Of the file: what the cases of a report are found by."""
        return f"{self.number:05d}.tif"

    @property
    def told(self) -> str:
        """For a report."""
        return f"{self.number} {self.family!r} of {self.seed or 'its own'}, by {self.way}"


def cases(seed: int, count: int, lure: Lure) -> Iterator[Case]:
    """The first `count` cases of a seed.

    Hostile files come first, each once; where there is room, once by each way. Then each mutation
    has its turn, on seeds in an order of its own.
    """
    rng = Random(seed)
    number = 0
    every = hostile(lure)
    for round_ in range(max(1, min(len(WAYS), count // (4 * len(every))))):
        for place, one in enumerate(every):
            if number >= count:
                return
            way = WAYS[(place + round_) % len(WAYS)]
            mine = f"{number:0{len(NUMBER)}d}".encode()
            content = one.content.replace(NUMBER.encode(), mine)
            beside = {key: text.replace(NUMBER.encode(), mine) for key, text in one.beside.items()}
            yield Case(number, one.name, one.seed, way, content, beside)
            number += 1
    while number < count:
        names = rng.sample(sorted(SEEDS), len(SEEDS))
        for start in range(len(names)):
            for place, mutation in enumerate(MUTATIONS):
                if number >= count:
                    return
                name = names[(start + place) % len(names)]
                data = made(name)
                tiff = Tiff(data) if seed_of(name).tiff else None
                changed = mutation.change(rng, data, tiff)
                if changed is None:
                    continue
                way = rng.choices(WAYS, _WEIGHTS)[0]
                yield Case(
                    number, mutation.name, name, way, changed,
                    harmless=mutation.harmless, contradicts=mutation.contradicts,
                )  # fmt: skip
                number += 1
