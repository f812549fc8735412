"""The command: `python -m batch_emulator serve`."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from batch_emulator.options import DEVELOPMENT_KEY, KEY_VARIABLE, OptionError, Options

_PR_SET_DUMPABLE = 4


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 done, 1 cannot, 2 wrong usage."""
    arguments = _parser().parse_args(argv)
    key = _take_key() or DEVELOPMENT_KEY
    try:
        if arguments.state:
            return _serve(arguments, key, Path(arguments.state), temporary=False)
        with tempfile.TemporaryDirectory(
            prefix="batch-emulator-", ignore_cleanup_errors=True
        ) as folder:
            return _serve(arguments, key, Path(folder), temporary=True)
    except OptionError as error:
        sys.stderr.write(f"batch_emulator: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="batch_emulator", description="An Azure Batch service on loopback."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    serve = verbs.add_parser(
        "serve",
        help="serve until interrupted",
        epilog=f"The account's key comes from the environment variable {KEY_VARIABLE}; "
        "without it a well-known development key is used.",
    )
    add = serve.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    add("--port", type=int, default=10100, help="port; 0 takes a free one (%(default)s)")
    add("--account", default="devaccount", help="the account's name (%(default)s)")
    place = serve.add_mutually_exclusive_group()
    place.add_argument("--state", metavar="DIR",
        help="folder that keeps state and nodes' files; a restart goes on from there")  # fmt: skip
    place.add_argument("--in-memory", action="store_true",
        help="keep nothing: state and files end with the emulator (the default)")  # fmt: skip
    add("--nodes", type=int, default=16, help="nodes that may exist at once (%(default)s)")
    add("--time-scale", type=float, default=1.0, metavar="X",
        help="seconds of the emulator's clock in a second (%(default)s)")  # fmt: skip
    add("--boot-time", type=float, default=5.0, metavar="SECONDS",
        help="from a resize to nodes that take tasks (%(default)s)")  # fmt: skip
    add("--containers", choices=("refuse", "process"), default="refuse",
        help="container tasks: refuse, or run as plain processes (%(default)s)")  # fmt: skip
    add("--allow-file-urls", action="store_true", help="let resource files be file:// URLs")
    add("--task-path", action="append", default=[], metavar="DIR",
        help="put a folder before PATH for tasks; may be repeated")  # fmt: skip
    add("--active-jobs", type=int, default=300, help="quota of active jobs (%(default)s)")
    add("--exit-with-parent", action="store_true", help="end when standard input closes")
    add("--json", action="store_true", help="print one line of JSON when ready")
    return parser


def _serve(arguments: argparse.Namespace, key: str, state: Path, *, temporary: bool) -> int:
    from batch_emulator.server import serve

    options = Options(
        state=_folder(state),
        temporary=temporary,
        account=arguments.account,
        key=key,
        host=arguments.host,
        port=arguments.port,
        nodes=arguments.nodes,
        time_scale=arguments.time_scale,
        boot_time=arguments.boot_time,
        containers=arguments.containers,
        allow_file_urls=arguments.allow_file_urls,
        task_path=tuple(arguments.task_path),
        active_jobs=arguments.active_jobs,
    )
    write = _json_line if arguments.json else _paragraph
    serve(
        options,
        lambda endpoint: _say(write(options, endpoint)),
        exit_with_parent=arguments.exit_with_parent,
    )
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _folder(state: Path) -> Path:
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"--state {state}: {error.strerror}") from None
    return state.resolve()


def _json_line(options: Options, endpoint: str) -> str:
    return json.dumps({"endpoint": endpoint, "account": options.account, "pid": os.getpid()})


def _paragraph(options: Options, endpoint: str) -> str:
    known = options.key == DEVELOPMENT_KEY
    key = f"{DEVELOPMENT_KEY}  (well known: for development only)" if known else "(your own)"
    own = f'"{DEVELOPMENT_KEY}"' if known else f'os.environ["{KEY_VARIABLE}"]'
    imports = "" if known else "import os\n"
    return f"""Azure Batch emulator
endpoint  {endpoint}
account   {options.account}
key       {key}

{imports}from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
credential = AzureNamedKeyCredential("{options.account}", {own})
client = BatchClient("{endpoint}", credential)

Ctrl-C ends it."""


def _take_key() -> str:
    """The key from the environment, which is then without it.

    A variable that is removed can still be read in /proc by every process of the user, tasks
    included: so its first place in memory is wiped, and on Linux the rest of memory closed too.
    """
    key = os.environ.get(KEY_VARIABLE, "")
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    place = libc.getenv(KEY_VARIABLE.encode())
    if place:
        ctypes.memset(place, 0, len(os.fsencode(key)))
    os.environ.pop(KEY_VARIABLE, None)
    if sys.platform == "linux":
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return key


if __name__ == "__main__":
    sys.exit(main())
