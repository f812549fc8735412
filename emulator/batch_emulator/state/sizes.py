"""What the name of a VM size tells: its cores, and its family, which quotas are counted by.

In most names the number is that of the cores, as in `Standard_D4s_v5`; after a hyphen, that of the
cores which are left, as in `Standard_E16-4s_v5`. Sizes of the first years are numbered one after
the other instead, as Microsoft's page "Previous generations of virtual machine sizes" lists them.
Families are named as in recorded answers of the service, such as `standardDDSv5Family`.
"""

from __future__ import annotations

import re

_SIZE = re.compile(
    r"(?:Standard|Basic)_([A-Z]+?)S?(\d+)(?:-(\d+))?([A-Z]*)((?:_v\d+)?)", re.IGNORECASE
)
_FAMILY = re.compile(
    r"(?P<tier>standard|basic)_(?P<letters>[a-z]+)(?P<cores>\d+)(?:-\d+)?(?P<features>[a-z]*)"
    r"(?P<rest>(?:_[a-z0-9]+)*?)(?:_v(?P<version>\d+))?",
    re.IGNORECASE,
)
_NUMBERED = {
    "A": {0: 1, 1: 1, 2: 2, 3: 4, 4: 8, 5: 2, 6: 4, 7: 8, 8: 8, 9: 16, 10: 8, 11: 16},
    "D": {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 11: 2, 12: 4, 13: 8, 14: 16, 15: 20},
    "G": {1: 2, 2: 4, 3: 8, 4: 16, 5: 32},
}
"""Cores by number, of families that are numbered."""
_NUMBERED_VERSIONS = {"A": ("",), "D": ("", "_v2"), "G": ("",)}


def cores_of(vm_size: str) -> int | None:
    """Returns the cores of a size, or None where its name does not tell."""
    match = _SIZE.match(vm_size)
    if match is None:
        return None
    family, number, left, _, version = match.groups()
    if not left and version.lower() in _NUMBERED_VERSIONS.get(family.upper(), ()):
        return _NUMBERED[family.upper()].get(int(number))
    return int(left or number) or None


def family_of(size: str) -> str | None:
    """Returns the family of a size: `standardDSv5Family` of `Standard_D4s_v5`, or None."""
    found = _FAMILY.fullmatch(size)
    if found is None:
        return None
    letters = found["letters"] + found["features"] + found["rest"].replace("_", "")
    version = f"v{found['version']}" if found["version"] else ""
    return f"{found['tier'].lower()}{letters.upper()}{version}Family"
