"""The code that nodes run is one file, the same everywhere, and runs by itself."""

import subprocess
import sys
import zipfile
from pathlib import Path

from scenefleet.run.code import build_code


def test_the_zipapp_is_reproducible_in_another_process() -> None:
    program = "from scenefleet.run.code import build_code; print(build_code().sha256)"
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == build_code().sha256


def test_it_holds_the_task_and_nothing_of_the_client(tmp_path: Path) -> None:
    path = tmp_path / "code.pyz"
    path.write_bytes(build_code().data)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        times = {entry.date_time for entry in archive.infolist()}
    assert "scenefleet_task/spec.py" in names
    assert all(name == "__main__.py" or name.startswith("scenefleet_task/") for name in names)
    assert times == {(1980, 1, 1, 0, 0, 0)}


def test_it_starts_and_refuses_politely_without_a_document(tmp_path: Path) -> None:
    path = tmp_path / build_code().name
    path.write_bytes(build_code().data)
    done = subprocess.run(
        [sys.executable, str(path), "run"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "SCENEFLEET_TASK": "no document", "SCENEFLEET_STORE": "s"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
