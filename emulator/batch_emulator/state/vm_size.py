"""What the name of a VM size tells: its cores, and its family, which quotas are counted by.

Source: "Azure virtual machine sizes naming conventions", and families in recorded answers of the
service, such as `standardDDSv5Family`.
"""

from __future__ import annotations

import re

_SIZE = re.compile(
    r"(?P<tier>standard|basic)_(?P<letters>[a-z]+)(?P<cores>\d+)(?:-\d+)?(?P<features>[a-z]*)"
    r"(?P<rest>(?:_[a-z0-9]+)*?)(?:_v(?P<version>\d+))?",
    re.IGNORECASE,
)


def cores_of(size: str) -> int | None:
    """Cores of a size: 4 in `Standard_D4s_v5`; None where the name does not tell."""
    found = _SIZE.match(size)
    return (int(found["cores"]) or None) if found else None


def family_of(size: str) -> str | None:
    """The family of a size: `standardDSv5Family` of `Standard_D4s_v5`; None for other names."""
    found = _SIZE.fullmatch(size)
    if found is None:
        return None
    letters = found["letters"] + found["features"] + found["rest"].replace("_", "")
    version = f"v{found['version']}" if found["version"] else ""
    return f"{found['tier'].lower()}{letters.upper()}{version}Family"
