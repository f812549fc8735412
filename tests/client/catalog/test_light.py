"""Importing the room loads none of the heavy libraries: `--help` stays fast."""

import subprocess
import sys

HEAVY = ("pystac", "pystac_client", "shapely", "numpy", "requests", "rasterio", "starlette")


def test_imports():
    code = (
        "import sys, scenefleet.catalog, scenefleet.demo, scenefleet.demo.server;"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
