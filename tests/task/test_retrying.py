"""A supervisor tries again what may pass, and nothing else; each attempt tells of itself."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from scenefleet_task.exits import MAY_PASS, Exit
from scenefleet_task.result import Result, from_line


@pytest.fixture
def document(scene: Any, kit: Any, range_server: Any) -> Any:
    red, nir, _ = scene.files
    (range_server.root / "red.tif").write_bytes(red.read_bytes())
    bands = (kit.band("red", range_server.url("red.tif")), kit.band("nir", nir))
    return kit.document(bands)


def results(store: Path) -> list[Result]:
    """Results of all attempts, in the order that readers see them in."""
    return [from_line(p.read_text()) for p in sorted(store.glob("runs/run-1/logs/*/*/result.json"))]


def test_what_may_pass_is_tried_again_and_each_attempt_keeps_its_own(
    document: Any, kit: Any, range_server: Any, tmp_path: Path
) -> None:
    range_server.faults["red.tif"] = kit.Fault(status=403)
    store, work = tmp_path / "store", tmp_path / "work"

    def mend() -> None:
        until = time.monotonic() + 60
        while not results(store) and time.monotonic() < until:
            time.sleep(0.02)
        range_server.faults.clear()

    mending = Thread(target=mend)
    mending.start()
    ran = kit.run(document, store, work, SCENEFLEET_RETRIES="2")
    mending.join()
    assert (ran.code, ran.result.exit) == (0, "done")
    first, last = results(store)
    assert (first.exit, last) == ("source_denied", ran.result)
    assert (first.further, last.further) == (True, False)
    logs = {p.parent.name: p.read_text() for p in store.glob("runs/run-1/logs/*/*/log.txt")}
    assert "403" in logs[first.attempt]
    assert "403" not in logs[last.attempt]
    assert "attempt 2 of 3 begins in" in ran.stderr
    assert not list(work.iterdir())
    plain = tmp_path / "plain"
    kit.run(document, plain, tmp_path / "other")
    for path in (plain / "products").rglob("*.tif"):
        assert path.read_bytes() == (store / path.relative_to(plain)).read_bytes()


def test_the_last_of_all_attempts_gives_the_exit_code(
    document: Any, kit: Any, range_server: Any, tmp_path: Path
) -> None:
    range_server.faults["red.tif"] = kit.Fault(status=403)
    ran = kit.run(document, tmp_path / "store", tmp_path / "work", SCENEFLEET_RETRIES="1")
    kept = [(r.exit, r.further) for r in results(tmp_path / "store")]
    assert (ran.code, kept) == (11, [("source_denied", True), ("source_denied", False)])


def test_what_must_fail_again_is_not_computed_again(
    document: Any, kit: Any, range_server: Any, tmp_path: Path
) -> None:
    range_server.faults["red.tif"] = kit.Fault(status=404)
    counts: list[int] = []
    for retries in ("0", "3"):
        range_server.requests.clear()
        store = tmp_path / retries
        ran = kit.run(document, store, tmp_path / "work", SCENEFLEET_RETRIES=retries)
        assert (ran.code, len(results(store))) == (10, 1)
        counts.append(len(range_server.requests))
    assert counts[0] == counts[1]


def test_only_what_the_table_names_may_pass() -> None:
    never = {Exit.DONE, Exit.INTERNAL, Exit.DOCUMENT, Exit.SOURCE_MISSING, Exit.INPUT_MISMATCH}
    never |= {Exit.NO_OVERLAP, Exit.RADIOMETRY, Exit.SCRIPT, Exit.STORE_FULL, Exit.STORE_DENIED}
    assert set(Exit) == MAY_PASS | never | {Exit.STOPPED}
    assert not MAY_PASS & never


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_cancel_between_two_attempts_is_a_stop_and_the_latest_word(
    document: Any, kit: Any, range_server: Any, tmp_path: Path, number: signal.Signals
) -> None:
    range_server.faults["red.tif"] = kit.Fault(status=403)
    store, work = tmp_path / "store", tmp_path / "work"
    work.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "scenefleet_task", "run"], cwd=work,
        env=kit.environment(document, store, SCENEFLEET_RETRIES="10"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        said = ""
        while "attempt 3 of 11" not in said:
            said = process.stderr.readline()
            assert said, "it ended before"
        time.sleep(0.3)  # the pause is 6 s or more
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, from_line(stdout).exit) == (41, "stopped")
    assert "Traceback" not in stderr
    assert [r.exit for r in results(store)] == ["source_denied", "source_denied", "stopped"]
    assert not list(work.iterdir())


def test_a_killed_attempt_leaves_nothing_for_the_next(scene: Any, kit: Any, tmp_path: Path) -> None:
    text = (
        "import os, pathlib, signal\n"
        "BANDS = ['nir']\n"
        "OUTPUTS = {'texture': {'title': 'x', 'range': [0, 1]}}\n\n\n"
        "def process(scene):\n"
        "    assert pathlib.Path('given').exists()\n"
        "    assert not pathlib.Path('left').exists() and not pathlib.Path('tree').exists()\n"
        "    pathlib.Path('left').write_text('x')\n"
        "    pathlib.Path('tree/below').mkdir(parents=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    from tests.task.test_script import scripted

    document, file = scripted(kit, scene, tmp_path, text)
    store, work = tmp_path / "store", tmp_path / "work"
    work.mkdir()
    (work / "given").write_text("from the node")
    ran = kit.run(
        document, store, work, SCENEFLEET_SCRIPT=str(file), SCENEFLEET_RETRIES="1",
        AZ_BATCH_TASK_WORKING_DIR=str(work),
    )  # fmt: skip
    assert [r.exit for r in results(store)] == ["killed", "killed"], ran.stderr
    assert (work / "given").exists()


@pytest.mark.parametrize("text", ["-1", "two", "1.5", "9" * 5000])
def test_a_number_of_retries_that_is_none(
    document: Any, kit: Any, tmp_path: Path, text: str
) -> None:
    ran = kit.run(document, tmp_path / "store", tmp_path / "work", SCENEFLEET_RETRIES=text)
    assert (ran.code, ran.result.exit) == (2, "document")
    assert "SCENEFLEET_RETRIES" in ran.result.message
    assert "0 or more" in ran.result.message
