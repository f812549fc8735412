"""Runs cases, each in a process of its own that is forked from this one, and prints verdicts.

A fork starts in a few milliseconds, and a case that crashes or hangs takes nothing along. All that
a task loads is loaded here before the first, but GDAL does nothing before a fork: which drivers it
has is a task's own to say. So files come made (`run.make`).
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scenefleet_task.gdal_settings import apply_settings

MEMORY = 500_000_000
"""Bytes that a task may take: `resources.memory` of a recipe, unless it says something else."""
CPU, WALL = 30, 100
"""Seconds that a case may take; a sound one takes a tenth of a second."""
MOST = 4_000_000_000
"""Bytes of address space beyond which a case gets no more, so that the machine lives."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is to do."""

    part: int
    """This worker does every `parts`-th case, from this one."""
    parts: int
    step: int
    """Every `step`-th case runs by the task's command, in processes of its own."""
    folder: str
    """Has `served` with the sources, each in a folder of its own, `seeds`, and `cases.json`."""
    canary: str
    served: str
    """Address of the server of the sources."""


def main() -> None:
    """Does what the order on the command line says."""
    order = Order(**json.loads(sys.argv[1]))
    apply_settings(os.environ, MEMORY)
    from fuzz_sources.corpus import Case

    _load()
    folder = Path(order.folder)
    made = [Case(**one) for one in json.loads((folder / "cases.json").read_text())]
    for case in made[order.part :: order.parts]:
        print(json.dumps(asdict(_run(case, folder, order))), flush=True)


def _load() -> None:
    import imagecodecs  # noqa: F401

    import scenefleet_task.item
    import scenefleet_task.scene
    import scenefleet_task.thumbnail
    import scenefleet_task.work  # noqa: F401


def _run(case: Any, folder: Path, order: Order) -> Any:
    from fuzz_sources.judge import Ended, Verdict, judge
    from scenefleet_task.result import from_line

    source = folder / "served" / f"{case.number}" / case.name
    original = folder / "seeds" / f"{case.seed}.tif" if case.seed else None
    out = folder / "out" / f"{case.number}"
    out.mkdir(parents=True)
    href = f"{order.served}/{case.number}/{case.name}" if case.way == "http" else str(source)
    attempt = _command if case.number % order.step == 0 else _attempt
    status, used = _forked(lambda: attempt(case, href, out), out / "said.txt")
    found = next(out.glob("store/runs/run/logs/*/*/result.json"), None)
    ended = Ended(
        result=from_line(found.read_text()) if found else None,
        signal=status & 127,
        megabytes=used.ru_maxrss * 1024 / 1e6,
        files=tuple(file for file in (out / "store").rglob("*") if file.is_file()),
    )
    told = out / "verdict"

    def tell() -> None:
        verdict = judge(case, source, original, ended, order.canary.encode(), MEMORY / 1e6)
        told.write_bytes(pickle.dumps(verdict))

    _forked(tell, out / "judge.txt")
    if not told.exists():
        said = (out / "judge.txt").read_text(errors="replace")
        verdict = Verdict(case.number, "cannot be judged", said[-400:])
    else:
        verdict = pickle.loads(told.read_bytes())  # noqa: S301 - our own
    if not verdict.wrong:
        shutil.rmtree(out)
        shutil.rmtree(source.parent)
    return verdict


def _attempt(case: Any, href: str, out: Path) -> None:
    """The task's own code: what computes in this process, and its supervisor's ends in threads."""
    import threading
    import time

    from fuzz_sources.documents import document
    from scenefleet_task import supervise
    from scenefleet_task.attend import Ended
    from scenefleet_task.errand import Text, errand_of
    from scenefleet_task.hand import Asks, Files
    from scenefleet_task.keep import keep
    from scenefleet_task.line import Line
    from scenefleet_task.order import Order as TaskOrder
    from scenefleet_task.put import target_for
    from scenefleet_task.receive import Receiver
    from scenefleet_task.setting import read_setting
    from scenefleet_task.spec import encode
    from scenefleet_task.work import work

    environment = _setting(out)
    setting = read_setting(environment)
    text = Text(encode(document(case, href)).encode(), None)
    errand = errand_of(text)
    attempt = supervise.begin(errand, {})
    handed, noted, unasked = os.pipe(), os.pipe(), os.pipe()
    receiver = Receiver(
        Line(handed[0], noted[1]), errand, attempt.scratch, lambda: target_for(setting)
    )
    taking = threading.Thread(target=receiver.serve, daemon=True)
    taking.start()
    order = TaskOrder(
        text=text, scratch=attempt.scratch, started=time.time(), memory=MEMORY,
        budget=setting.budget,
    )  # fmt: skip
    files = Files(Line(noted[0], handed[1]))
    asks = Asks(Line(unasked[0], unasked[1]))  # nothing is signed, and no case has a script
    files.end(work(order, asks, files))
    os.close(handed[1])
    taking.join()
    result = supervise.result_of(attempt, Ended(0, ""), receiver)
    folder = setting.log_folder(attempt.task, attempt.name)
    assert folder
    keep(folder, target_for(setting), b"", result)


def _command(case: Any, href: str, out: Path) -> None:
    """The command that a node runs, in the place of this process."""
    from fuzz_sources.documents import document
    from scenefleet_task.spec import ENV_TASK, encode

    environment = {**os.environ, **_setting(out), ENV_TASK: encode(document(case, href))}
    words = [sys.executable, "-m", "scenefleet_task", "run"]
    os.execve(sys.executable, words, environment)  # noqa: S606 - no shell is wanted


def _setting(out: Path) -> dict[str, str]:
    """Where a task runs; this process goes to its working folder."""
    folder = out / "work"
    folder.mkdir()
    os.chdir(folder)
    return {
        "SCENEFLEET_STORE": str(out / "store"),
        "SCENEFLEET_RUN": "run",
        "SCENEFLEET_MEMORY": str(MEMORY),
    }


def _forked(do: Callable[[], None], said: Path) -> tuple[int, resource.struct_rusage]:
    """Does it in a process of its own, within limits."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        _, status, used = os.wait4(child, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # what it left behind, if it was ended by a limit
        return status, used
    code = 1
    try:
        os.setsid()
        file = os.open(said, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, 1)
        os.dup2(file, 2)
        signal.alarm(WALL)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MOST, MOST))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        do()
        code = 0
    except BaseException:  # noqa: BLE001 - nothing of the parent's may run here
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
