"""What a benchmark ran on: the machine, and the version of everything that had a part."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from measure import ENVIRONMENT

REPOSITORY = Path(__file__).resolve().parents[1]
OURS = ("numpy", "rasterio", "imagecodecs", "obstore", "azure-storage-blob")
THEIRS = ("numpy", "rasterio", "rio-tiler", "rio-cogeo", "odc-stac", "odc-geo", "numexpr", "xarray")
_VERSIONS = """
import importlib.metadata as m, json, platform, sys
found = {"python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        found[name] = m.version(name)
    except m.PackageNotFoundError:
        found[name] = None
try:
    import rasterio
    found["gdal of rasterio"] = rasterio.__gdal_version__
except ImportError:
    pass
print(json.dumps(found))
"""


def header(ours: str, theirs: str | None) -> dict[str, Any]:
    """Of this run.

    Args:
        ours: the Python that runs the task.
        theirs: the Python of the peers, if it is there.
    """
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "load_at_start": round(os.getloadavg()[0], 2),
        "environment_of_all": ENVIRONMENT,
        "ours": _versions(ours, OURS),
        "peers": _versions(theirs, THEIRS) if theirs else None,
        "gdal of the distribution": _said(["gdalinfo", "--version"]),
        "azurite": _azurite(),
    }


def text(told: dict[str, Any]) -> str:
    """The header for a person."""
    return "\n".join(f"{key}: {_flat(value)}" for key, value in told.items())


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {held}" for key, held in value.items())
    return "not there" if value is None else str(value)


def _cpu() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _versions(python: str, names: tuple[str, ...]) -> dict[str, str | None]:
    command = [python, "-c", _VERSIONS, *names]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def _said(command: list[str]) -> str | None:
    if not shutil.which(command[0]):
        return None
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.strip() or None


def _azurite() -> str | None:
    package = REPOSITORY / "tests/azurite/node_modules/azurite/package.json"
    return json.loads(package.read_text())["version"] if package.exists() else None
