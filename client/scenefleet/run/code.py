"""The task's code as one file: a zipapp that is the same to the last byte on every machine."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from scenefleet.store.base import sha256

_MAIN = b"from scenefleet_task.__main__ import main\n\nraise SystemExit(main())\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip file can hold: a real one would change the file's name every day."""


@dataclass(frozen=True, slots=True)
class Code:
    """The zipapp."""

    data: bytes = field(repr=False)
    sha256: str

    @property
    def name(self) -> str:
        """Its file name."""
        return f"{self.sha256}.pyz"

    @property
    def path(self) -> str:
        """Where it lies in a store."""
        return f"code/{self.name}"


@cache
def build_code() -> Code:
    """The zipapp of the installed `scenefleet_task`: its modules, sorted, stored, without times."""
    modules = {
        f"scenefleet_task/{file.name}": file.read_bytes()
        for file in files("scenefleet_task").iterdir()
        if file.name.endswith(".py")
    }
    buffer = io.BytesIO()
    # stored, not deflated: what zlib writes differs between its versions
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted({"__main__.py": _MAIN, **modules}.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, data)
    data = buffer.getvalue()
    return Code(data, sha256(data))
