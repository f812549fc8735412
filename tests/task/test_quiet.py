"""What is silenced stays so while threads rasterize."""

import subprocess
import sys

RASTERIZING = """
import sys
from concurrent.futures import ThreadPoolExecutor

from rasterio.crs import CRS

from scenefleet_task.clip import Clip
from scenefleet_task.grid import Grid
from scenefleet_task.quiet import quieten

quieten()
grid = Grid(CRS.from_epsg(32631), (100.0, 0.0, 600_000.0, 0.0, -100.0, 5_700_000.0), 120, 120)
ring = [[4.45, 51.37], [4.58, 51.38], [4.50, 51.44], [4.45, 51.37]]
clip = Clip({"type": "Polygon", "coordinates": [ring]}, grid)
before = clip.outside(grid.whole)
sys.setswitchinterval(1e-6)
with ThreadPoolExecutor(3) as pool:
    for made in pool.map(clip.outside, [grid.whole] * 3000):
        assert (made == before).all()
"""


def test_threads_that_rasterize_do_not_warn() -> None:
    """Without `quieten` some of these 3,000 calls raise, in three runs of four, what rasterio hides
    in one thread."""
    subprocess.run([sys.executable, "-W", "error", "-c", RASTERIZING], check=True, timeout=120)


def test_the_package_that_signs_is_imported_in_silence() -> None:
    program = """
from scenefleet_task.quiet import quieten
quieten()
from planetary_computer import sas
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=120)
