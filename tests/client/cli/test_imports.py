"""Help and completion answer at once: they load none of the heavy packages."""

import os
import subprocess
import sys

import pytest

from scenefleet.cli.main import VERBS

HEAVY = {"rasterio", "numpy", "azure", "pystac", "pystac_client", "planetary_computer", "shapely"}

_LOOK = """
import sys
from scenefleet.cli import main
sys.argv = {argv!r}
try:
    main.main()
except SystemExit:
    pass
print(" ".join(sorted({{name.partition(".")[0] for name in sys.modules}})), file=sys.stderr)
"""


def imported(argv: list[str], **environment: str) -> tuple[str, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", _LOOK.format(argv=argv)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, set(done.stderr.split())


@pytest.mark.parametrize("arguments", [[], *([verb] for verb in VERBS if verb != "emulator")])
def test_help_is_light(arguments: list[str]) -> None:
    text, modules = imported(["scenefleet", *arguments, "--help"])
    assert "Usage: scenefleet" in text
    assert "click" in modules
    assert not modules & HEAVY


def test_completion_is_light() -> None:
    text, modules = imported(
        ["scenefleet"],
        _SCENEFLEET_COMPLETE="bash_complete",
        COMP_WORDS="scenefleet re",
        COMP_CWORD="1",
    )
    assert {line.partition(",")[2] for line in text.splitlines()} == {"retry", "report"}
    assert not modules & HEAVY


def test_every_verb_has_help_and_an_example() -> None:
    for verb in VERBS:
        if verb != "emulator":
            text, _ = imported(["scenefleet", verb, "--help"])
            assert "Example:" in text, verb
