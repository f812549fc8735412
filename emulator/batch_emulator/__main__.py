"""The command: `python -m batch_emulator serve`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from batch_emulator.account_key import AccountKey, make_key, read_key, take_key, take_variable
from batch_emulator.arm.place import DEFAULT, Place, read_place
from batch_emulator.options import (
    AUTO_STORAGE_VARIABLE,
    KEY_VARIABLE,
    Containers,
    OptionError,
    Options,
)
from batch_emulator.secrecy import conceal


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 done, 1 cannot, 2 wrong usage."""
    conceal()
    arguments = _parser().parse_args(argv)
    given, storage = take_key(), take_variable(AUTO_STORAGE_VARIABLE)
    try:
        key = _choose_key(arguments, given)
        if arguments.state:
            return _serve(arguments, key, storage, Path(arguments.state), temporary=False)
        with tempfile.TemporaryDirectory(
            prefix="batch-emulator-", ignore_cleanup_errors=True
        ) as folder:
            return _serve(arguments, key, storage, Path(folder), temporary=True)
    except OptionError as error:
        sys.stderr.write(f"batch_emulator: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=os.environ.pop("BATCH_EMULATOR_COMMAND", None) or "python -m batch_emulator",
        description="An Azure Batch service on loopback.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    serve = verbs.add_parser(
        "serve",
        help="serve until interrupted",
        epilog=f"The account's key comes from the environment variable {KEY_VARIABLE}, from "
        "--key-file, or is made up by --key new; else a well-known development key is used. "
        f"{AUTO_STORAGE_VARIABLE} is the URL of the account's auto-storage, such as Azurite's.",
    )
    add = serve.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    add("--port", type=int, default=10100, help="port; 0 takes a free one (%(default)s)")
    add("--account", default="devaccount", help="the account's name (%(default)s)")
    key = serve.add_mutually_exclusive_group()
    key.add_argument("--key", metavar="new", type=_key,
        help="make a key up and print it; any other would be seen by all, here")  # fmt: skip
    key.add_argument("--key-file", metavar="F", type=Path,
        help="file with the account's key, in base64")  # fmt: skip
    add("--tls-cert", metavar="F", type=Path, help="certificate in PEM form: serve https")
    add("--tls-key", metavar="F", type=Path,
        help="its key, unless the certificate's file has that too")  # fmt: skip
    add("--oauth", choices=("basic",),
        help="take bearer tokens too, and give some out; basic: whoever signed them")  # fmt: skip
    add("--arm", nargs="?", const=DEFAULT, type=_place, metavar="SUBSCRIPTION/GROUP",
        help="stand in for Azure Resource Manager too: the account, and its pools; it takes "
        f"--oauth ({DEFAULT})")  # fmt: skip
    add("--no-shared-key", action="store_true", help="take bearer tokens only")
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
    add("--containers", choices=get_args(Containers), default="auto",
        help="what runs container tasks; auto: docker or podman where one works")  # fmt: skip
    add("--allow-file-urls", action="store_true", help="let resource files be file:// URLs")
    add("--applications", metavar="DIR",
        help="application packages: DIR/<id>/<version>.zip, and DIR/<id>/default to name "
        "a default version")  # fmt: skip
    add("--task-path", action="append", default=[], metavar="DIR",
        help="put a folder before PATH for tasks; may be repeated")  # fmt: skip
    add("--pools", type=int, default=100, help="quota of pools (%(default)s)")
    add("--active-jobs", type=int, default=300, help="quota of active jobs (%(default)s)")
    add("--connections", type=int, default=512,
        help="connections open at once (%(default)s)")  # fmt: skip
    add("--client-timeout", type=float, default=60.0, metavar="SECONDS",
        help="for a client to send a request, or to go on reading (%(default)s)")  # fmt: skip
    add("--exit-with-parent", action="store_true", help="end when standard input closes")
    add("--json", action="store_true", help="print one line of JSON when ready")
    return parser


def _key(text: str) -> str:
    """The one value of `--key`; another is not repeated, it may be a key."""
    if text != "new":
        raise argparse.ArgumentTypeError(
            "takes the word new only: a command line is seen by everybody on this machine. "
            f"Give a key of your own by --key-file or the variable {KEY_VARIABLE}"
        )
    return text


def _place(text: str) -> Place:
    try:
        return read_place(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _choose_key(arguments: argparse.Namespace, given: AccountKey) -> AccountKey:
    if arguments.key:
        return make_key()
    return read_key(arguments.key_file) if arguments.key_file else given


def _serve(
    arguments: argparse.Namespace, key: AccountKey, storage: str, state: Path, *, temporary: bool
) -> int:
    from batch_emulator.announcement import json_line, paragraphs
    from batch_emulator.server import serve

    options = Options(
        state=_folder(state),
        temporary=temporary,
        account=arguments.account,
        key=key.value,
        host=arguments.host,
        port=arguments.port,
        tls_cert=arguments.tls_cert,
        tls_key=arguments.tls_key,
        oauth=arguments.oauth or "off",
        arm=arguments.arm,
        shared_key=not arguments.no_shared_key,
        connections=arguments.connections,
        client_timeout=arguments.client_timeout,
        nodes=arguments.nodes,
        time_scale=arguments.time_scale,
        boot_time=arguments.boot_time,
        containers=arguments.containers,
        allow_file_urls=arguments.allow_file_urls,
        applications=Path(arguments.applications).resolve() if arguments.applications else None,
        auto_storage=storage or None,
        task_path=tuple(str(Path(folder).resolve()) for folder in arguments.task_path),
        pools=arguments.pools,
        active_jobs=arguments.active_jobs,
    )
    write = json_line if arguments.json else paragraphs
    serve(
        options,
        lambda address: _say(write(options, address, key)),
        exit_with_parent=arguments.exit_with_parent,
    )
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _folder(state: Path) -> Path:
    try:
        state.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OptionError(f"--state {state}: it is a file; name a folder") from None
    except OSError as error:
        raise OptionError(f"--state {state}: {error.strerror}") from None
    return state.resolve()


if __name__ == "__main__":
    sys.exit(main())
