"""What machines have: cores and memory of Azure's VM sizes, told from their names, and of this one.

Source of the names' parts: https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions;
of memory: the families' pages at https://learn.microsoft.com/azure/virtual-machines/sizes/overview,
read in 2026. Sizes of one family differ, so a number here is the least of any of its sizes.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

GIB = 2**30

_SIZE = re.compile(
    r"(?:standard|basic)_(?P<family>[a-z]+?)(?P<cores>\d+)(?:-(?P<active>\d+))?(?P<features>[a-z]*)"
    r"(?:_[a-z0-9]+?)*?(?:_v(?P<version>\d+))?(?:_promo)?",
    re.IGNORECASE,
)
"""`Standard_E8-4ds_v5`: family E, the memory of 8 cores, of which 4 are there; features d and s."""
_OLD_D = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 11: 2, 12: 4, 13: 8, 14: 16, 15: 20}
"""Cores of D and DS sizes of versions 1 and 2, whose number only counts them up."""
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where a container's kernel says what it may take: cgroups 2 and 1."""


class _Family(NamedTuple):
    """Memory of a family's sizes, in GiB a core."""

    letter: str
    versions: range
    plain: float
    low: float | None = None
    """With the feature l; None where there is none such."""
    tiny: float | None = None
    """With the feature t."""
    much: float | None = None
    """With the feature m."""
    above: float = math.inf
    """Sizes of more cores than this have `large`."""
    large: float = 0.0


_LATER = 100
"""No family has so many versions."""
_FAMILIES = (
    _Family("A", range(2, 3), 2, much=8),
    _Family("B", range(2, _LATER), 4, low=2),
    _Family("D", range(3, _LATER), 4, low=2, above=48, large=3),  # D64ps_v5: 208 GiB
    _Family("E", range(3, _LATER), 8, above=20, large=6),  # E32ps_v5: 208 GiB, E80is_v4: 504
    _Family("F", range(1, 6), 2),
    _Family("F", range(6, _LATER), 4, low=2, much=8),
    _Family("L", range(1, _LATER), 8),
    _Family("M", range(1, _LATER), 6, low=6, tiny=6),  # M32ts: 192 GiB; most have more
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine that tasks run on."""

    name: str
    """For messages: a VM size, or `this machine`."""
    cores: int
    memory: float | None
    """Bytes, at least; None where nothing tells."""


def vm_machine(size: str) -> Machine:
    """What an Azure VM size has: `Standard_D4ds_v5` has 4 cores and 16 GiB.

    Memory is None for families that are not known here; cores are 1 where the name has no number.
    """
    found = _SIZE.fullmatch(size)
    if found is None:
        return Machine(name=size, cores=1, memory=None)
    family, features = found["family"].upper(), found["features"].lower()
    number, version = int(found["cores"]), int(found["version"] or 1)
    if family in ("D", "DS") and version < 3 and number in _OLD_D:
        cores = _OLD_D[number]
        return Machine(name=size, cores=cores, memory=cores * (7 if number > 10 else 3.5) * GIB)
    a_core = _memory_a_core(family, features, number, version)
    return Machine(
        name=size,
        cores=max(1, int(found["active"] or number)),
        memory=None if a_core is None else number * a_core * GIB,
    )


def is_arm(size: str) -> bool:
    """Tells whether an Azure VM size has Arm processors: feature p, as in `Standard_D4pds_v5`."""
    found = _SIZE.fullmatch(size)
    return found is not None and "p" in found["features"].lower()


def vm_family(size: str) -> str | None:
    """Returns the family that quotas count a VM size in, as `standardDDSv5Family`; None if unknown.

    Source: the names that the service answers, of which a few are irregular: see `family_key`.
    """
    found = _SIZE.fullmatch(size)
    if found is None:
        return None
    tier, _, *rest = size.lower().split("_")
    accelerator = "".join(part for part in rest if not re.fullmatch(r"v\d+|promo", part))
    version = f"v{found['version']}" if found["version"] else ""
    letters = f"{found['family']}{found['features']}{accelerator}".upper()
    return f"{tier}{letters}{version}Family"


def family_key(name: str) -> str:
    """Returns a family's name as it is compared: some have spaces, `Standard NCASv3_T4 Family`."""
    return "".join(sorted(re.sub(r"[^a-z0-9]", "", name.casefold())))


def _memory_a_core(letter: str, features: str, cores: int, version: int) -> float | None:
    """GiB a core, at least; None for a family that is not known here."""
    for family in _FAMILIES:
        if (family.letter, version in family.versions) == (letter, True):
            if "l" in features or "t" in features:
                return family.low if "l" in features else family.tiny
            if "m" in features and family.much is not None:
                return family.much
            return family.large if cores > family.above else family.plain
    return None


def this_machine() -> Machine:
    """This machine, or the container that this process is in."""
    memory = float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")
    for path in map(Path, _LIMITS):
        try:
            memory = min(memory, float(path.read_text()))
        except (OSError, ValueError):  # no such file, or `max`
            continue
    return Machine(name="this machine", cores=os.cpu_count() or 1, memory=memory)
