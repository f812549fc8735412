"""Whoever begins reads of one next step, wherever that is: `init`, the help and the README."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

Cli = Callable[..., CompletedProcess[str]]
README = Path(__file__).parents[3] / "README.md"
STEP = r"scenefleet\s+(\w+)\s+recipe\.yaml"  # help texts may break a line anywhere


def test_init_help_and_readme_name_the_same_next_step(cli: Cli) -> None:
    after_init = r"scenefleet\s+init\b[^\n]*?(?:&&|\n)\s*" + STEP
    readme = re.findall(after_init, README.read_text())
    helped = re.findall(after_init, cli("--help").stdout + cli("init", "--help").stdout)
    said = re.findall("next: " + STEP, cli("init").stderr)
    assert (len(readme), len(helped), len(said)) == (1, 2, 1)
    assert {*readme, *helped, *said} == {"plan"}


def test_the_emulators_help_has_the_name_it_was_called_by(cli: Cli) -> None:
    for words in (["--help"], ["serve", "--help"]):
        done = cli("emulator", *words)
        assert done.stdout.startswith("usage: scenefleet emulator"), done.stdout
    assert "scenefleet emulator: error" in cli("emulator", "start").stderr


def test_doctor_says_of_settings_whether_they_are_there(cli: Cli, tmp_path: Path) -> None:
    absent = "settings.toml (there is no such file): nothing set"
    assert absent in (first := cli("doctor")).stdout + first.stderr
    (tmp_path / "mine.toml").write_text("")
    done = cli("doctor", "--settings", "mine.toml")
    assert "mine.toml: nothing set" in done.stdout + done.stderr
