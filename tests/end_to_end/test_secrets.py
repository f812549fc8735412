"""A script of a local run, and of a trial, finds nothing of what its user's environment holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spying import HIDDEN, SPY, canary, told

SEARCH = "{{catalog: '{}', collections: [sentinel-2-l2a], limit: 2}}"


def spied(desk: Any, archive: Path) -> None:
    desk.environment |= {name: canary(name) for name in HIDDEN}
    (desk.folder / "spy.py").write_text(SPY)
    desk.write("spied", SEARCH.format(archive / "items.json"), "process: {script: spy.py}")


def test_a_script_of_a_run_here_finds_no_secret(archive: Path, desk: Any) -> None:
    """Neither in its own processes, nor in the emulator, its node agent and the client."""
    spied(desk, archive)
    desk.run("run")
    logs = list((desk.folder / "results/runs").glob("*/logs/*/*/log.txt"))
    assert len(logs) == 2
    for log in logs:
        spy = told(log.read_text())
        assert spy["found"] == []
        looked = [*spy["seen"]["other environment"], *spy["seen"]["parent environment"]]
        assert len(looked) >= 4, "supervisor, emulator, node agent and client"
        assert set(looked) == {"Permission denied"}
        assert "read" not in [*spy["seen"]["other memory"], *spy["seen"]["parent memory"]]
    kept = b"".join(path.read_bytes() for path in desk.folder.rglob("*") if path.is_file())
    assert b"c4n4ry-" not in kept.replace(SPY.encode(), b"").replace(b"c4n4ry-[", b"")
    assert "c4n4ry-" not in desk.said


def test_a_script_that_is_tried_finds_no_secret(archive: Path, desk: Any) -> None:
    spied(desk, archive)
    spy = told(desk.run("try").stderr)
    assert spy["found"] == []
    assert set(spy["seen"]["other environment"]) == {"Permission denied"}, "the client"
    assert set(spy["seen"]["parent environment"]) == {"Permission denied"}
    assert "read" not in spy["seen"]["other memory"]
