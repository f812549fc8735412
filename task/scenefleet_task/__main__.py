"""The task's command line: `run`, which a node starts, and `try`.

On a node everything comes by the environment (see `spec`). By hand, one task is
`python -m scenefleet_task run --document task.json --store ./out`, and one window of it
`python -m scenefleet_task try --document task.json --folder ./out`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from scenefleet_task import spec
from scenefleet_task.failure import TaskError
from scenefleet_task.gdal_settings import apply_settings
from scenefleet_task.quiet import quieten
from scenefleet_task.setting import Setting, read_budget, read_setting
from scenefleet_task.spec import DocumentError, Exit, TaskDocument


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one task; the exit code is an `spec.Exit`, or 2 for words that are off."""
    quieten()
    words = sys.argv[1:] if argv is None else list(argv)
    arguments = _parser().parse_args(words)
    verbs = {"run": _run, "try": _try}
    return verbs[arguments.verb](arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scenefleet_task", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="run one task, supervised")
    trial = verbs.add_parser("try", help="compute one window here, at once")
    trial.add_argument("--window", help="row,column,height,width in pixels; else the middle")
    trial.add_argument("--folder", type=Path, required=True, help="where rasters and pictures go")
    for verb in (run, trial):
        verb.add_argument("--document", type=Path, help=f"a file; else {spec.ENV_TASK} is read")
    run.add_argument("--store", help=f"a folder or address; else {spec.ENV_STORE} is read")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from scenefleet_task import supervise

    document: TaskDocument | None = None
    setting: Setting | None = None
    failure: TaskError | None = None
    try:
        setting = read_setting(os.environ, arguments.store)
        document = _document(arguments.document)
    except TaskError as error:
        failure = error
    attempt = supervise.begin(document, os.environ)
    if failure or not setting:
        assert failure
        return supervise.end(attempt, supervise.fail(attempt, failure, setting))
    assert document

    def compute() -> int:
        from scenefleet_task.work import work

        return work(document, attempt, setting)

    return supervise.end(attempt, supervise.supervise(attempt, compute, setting))


def _try(arguments: argparse.Namespace) -> int:
    from scenefleet_task import trial
    from scenefleet_task.log import start_log

    start_log()
    script = os.environ.get(spec.ENV_SCRIPT)
    try:
        window = trial.parse_window(arguments.window) if arguments.window else None
        document = _document(arguments.document)
        place = Path(script).absolute() if script else None
        budget = read_budget(os.environ)
        apply_settings(os.environ, budget.memory)  # before rasterio and numpy are imported
        found = trial.attempt(document, window, arguments.folder, place, budget)
    except TaskError as error:
        failure = {"exit": error.exit.name.lower(), "message": error.message}
        sys.stdout.write(trial.to_line(failure) + "\n")
        return error.exit.value
    sys.stdout.write(trial.to_line(found) + "\n")
    return 0


def _document(file: Path | None) -> TaskDocument:
    try:
        if file:
            return spec.from_json(json.loads(file.read_bytes()))
        text = os.environ.get(spec.ENV_TASK)
        if not text:
            raise TaskError(Exit.DOCUMENT, f"no task: set {spec.ENV_TASK}, or give --document FILE")
        return spec.decode(text)
    except OSError as error:
        raise TaskError(Exit.DOCUMENT, f"{file}: {error.strerror}") from None
    except (DocumentError, ValueError) as error:
        where = f"{file}: " if file else ""
        raise TaskError(Exit.DOCUMENT, f"{where}{error}") from None


if __name__ == "__main__":
    raise SystemExit(main())
