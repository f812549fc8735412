"""The fixture `need`: skips on a person's machine, fails in CI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
def test_it(need):
    assert need("shared").name == "there"
"""


@pytest.mark.parametrize(
    ("ci", "there", "outcome"),
    [("", False, "1 skipped"), ("1", False, "1 failed"), ("1", True, "1 passed")],
)
def test_a_missing_thing(tmp_path, ci, there, outcome):
    shared = tmp_path / "there"
    if there:
        shared.mkdir()
    conftest = Path(__file__).resolve().parents[1] / "conftest.py"
    (tmp_path / "conftest.py").write_bytes(conftest.read_bytes())
    (tmp_path / "test_one.py").write_text(TEST)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "."],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "SCENEFLEET_CI": ci, "SCENEFLEET_SHARED": str(shared)},
        timeout=60,
    )
    assert outcome in done.stdout
    if not there:
        assert f"looked at {shared}" in done.stdout
