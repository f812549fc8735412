"""The lint of the pool templates finds what is insecure or unreadable; its skips have reasons."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATES = REPOSITORY / "pool_templates"


def lint(checkov: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / ".ci/lint-templates"), str(checkov), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_each_check_that_is_left_out_has_its_reason_above() -> None:
    lines = (REPOSITORY / ".checkov.yaml").read_text("utf-8").splitlines()
    skipped = [n for n, line in enumerate(lines) if re.match(r"\s+- CKV", line)]
    assert skipped
    for n in skipped:
        assert lines[n - 1].strip().startswith("# "), lines[n]
    assert "skip-download: true" in lines  # nothing is asked of anybody on the web


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", "checks of"),
        ("supportsHttpsTrafficOnly: true", "supportsHttpsTrafficOnly: false", "CKV_AZURE_3"),
        ("targetScope = 'resourceGroup'", "targetScope = 'resourceGroup", "cannot be parsed"),
    ],
)
def test_the_lint_finds_what_is_wrong(
    need: Callable[[str], Path], tmp_path: Path, old: str, new: str, said: str
) -> None:
    folder = tmp_path / "pool_templates"
    shutil.copytree(TEMPLATES, folder)
    file = folder / "main.bicep"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1))
    done = lint(need("checkov"), folder)
    assert said in done.stdout, done.stdout + done.stderr
    assert done.returncode == (1 if old else 0)
