"""The task's command line: `run`, which a node starts, and `try`.

On a node everything comes by the environment (see `environment`). By hand, one task is
`python -m scenefleet_task run --document task.json --store ./out`, and one window of it
`python -m scenefleet_task try --document task.json --folder ./out`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scenefleet_task.conceal import conceal


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one task; the exit code is an `exits.Exit`, or 2 for invalid arguments."""
    conceal()  # first of all: what this process was given is not for others
    from scenefleet_task.command import command

    return command(sys.argv[1:] if argv is None else list(argv))


if __name__ == "__main__":
    raise SystemExit(main())
