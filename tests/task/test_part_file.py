"""Temporary files of killed attempts go; those that somebody writes stay."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scenefleet_task.part_file import part_file, sweep
from scenefleet_task.put_folder import place

WRITER = """
import sys, time
from pathlib import Path
from scenefleet_task.part_file import part_file
with part_file(Path(sys.argv[1])) as (part, file):
    file.write(b"half")
    print(part, flush=True)
    time.sleep(60)
"""


def grow_old(part: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(part, (then, then))


def test_a_killed_writers_file_goes_and_a_living_ones_stays(tmp_path: Path) -> None:
    target = tmp_path / "ndvi.tif"
    command = [sys.executable, "-c", WRITER, str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        part = Path(process.stdout.readline().strip())
        grow_old(part, 60)
        sweep(tmp_path)
        assert part.read_bytes() == b"half", "it is being written"
        process.kill()
    place([b"whole"], tmp_path / "reason.tif")
    assert [path.name for path in tmp_path.iterdir()] == ["reason.tif"]


def test_another_machines_file_goes_when_it_is_old(tmp_path: Path) -> None:
    part = tmp_path / ".ndvi.tif.00000000-0011223344556677.part"
    part.write_bytes(b"half")
    grow_old(part, 600)
    sweep(tmp_path)
    assert part.exists()
    grow_old(part, 4000)
    sweep(tmp_path)
    assert not part.exists()


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), part_file(tmp_path / "a.tif") as (_, file):
        file.write(bytes(1 // 0))
    assert not list(tmp_path.iterdir())
