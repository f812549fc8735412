"""`requirements/install`: what people wait for in an empty checkout."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SLOW_PYTHON = """\
#!/bin/sh
case "$1 $*" in
  -c*) exit 0 ;;
  *requirements/pip.txt*) sleep 6 ;;
  *requirements/dev.txt*) exit 7 ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose environment has a Python that is slow to install pip, and fails after."""
    (tmp_path / "requirements").mkdir()
    shutil.copy(ROOT / "requirements/install", tmp_path / "requirements")
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(SLOW_PYTHON)
    python.chmod(0o755)
    return tmp_path


@pytest.mark.long
@pytest.mark.parametrize(("lock", "code"), [("run", 0), ("dev", 7)])
def test_an_installation_is_not_silent_and_leaves_nothing_behind(
    checkout: Path, lock: str, code: int
) -> None:
    # that the pipe closes at once shows that no ticker outlives the installation
    done = subprocess.run(
        ["sh", "requirements/install", lock, ".venv"],
        cwd=checkout, capture_output=True, text=True, timeout=15, check=False,
    )  # fmt: skip
    assert done.returncode == code
    first, second, *_ = done.stderr.splitlines()
    assert first.startswith(f"installing Python packages (requirements/{lock}.txt)")
    assert "still at it, 5 s" in second
