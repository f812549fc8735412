"""Completion at a real bash: what it offers, and that it is quick, silent and without network."""

from __future__ import annotations

import os
import pty
import resource
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scenefleet.run import create
from scenefleet.store.folder import FolderStore
from small_run import PLAN, source

BIN = Path(sys.executable).parent
ASK = """
eval "$(scenefleet completion bash)"
compopt() { :; }
COMP_LINE="$1"; COMP_POINT=${#1}
read -ra COMP_WORDS <<< "$1"
[[ "$1" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_scenefleet_completion scenefleet
(( ${#COMPREPLY[@]} )) && printf '%s\\n' "${COMPREPLY[@]}"
exit 0
"""
RECIPE = "version: 1\nname: test\nsearch: {bbox: [1, 2, 3, 4], dates: 2023}\n"

Ask = Callable[..., list[str]]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """`ask("scenefleet re")`: what bash is offered for a line; nothing may be said."""

    def offered(line: str, *, path: str = "", **environment: str) -> list[str]:
        done = subprocess.run(
            ["bash", "--norc", "-c", ASK, "bash", line],
            cwd=tmp_path,
            env={"PATH": f"{path}{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path), **environment},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert not done.stderr
        return done.stdout.splitlines()

    return offered


@pytest.fixture
def run(tmp_path: Path) -> str:
    """The id of a run of recipe.yaml, which stands beside its store."""
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return create(FolderStore(tmp_path / "results"), source(), PLAN, []).id


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("scenefleet re", {"retry", "report"}),
        ("scenefleet run --ra", {"--radiometry"}),
        ("scenefleet run --radiometry ", {"trust", "check", "refuse"}),
        ("scenefleet indices ndw", {"ndwi", "ndwins"}),
        ("scenefleet indices NDW", {"NDWI", "NDWIns"}),
        ("scenefleet indices ndvi,ndw", {"ndvi,ndwi", "ndvi,ndwins"}),
        ("scenefleet indices ndvi ndw", {"ndwi", "ndwins"}),
        ("scenefleet indices --domain b", {"burn"}),
        ("scenefleet indices --collection hls2-l", {"hls2-l30"}),
        ("scenefleet completion ", {"bash", "zsh", "fish"}),
        ("scenefleet serch ", set[str]()),
        ("scenefleet run --nonsense ", {"recipe.yaml", "results"}),
    ],
)
@pytest.mark.usefixtures("run")
def test_what_is_offered(ask: Ask, line: str, words: set[str]) -> None:
    assert set(ask(line)) == words


def test_runs_and_scenes_of_a_store_in_a_folder(ask: Ask, run: str) -> None:
    assert ask("scenefleet status te") == [run]
    assert ask("scenefleet watch --store results te") == [run]
    assert set(ask("scenefleet logs ")) == {run, "a", "b", "c", "recipe.yaml", "results"}
    assert ask(f"scenefleet logs {run} ") == ["a", "b", "c"]
    assert ask("scenefleet logs recipe.yaml b") == ["b"]
    task = PLAN.documents[1].id
    assert ask(f"scenefleet logs {run} {task[:8]}") == [task]
    assert ask("scenefleet try --item ") == ["a", "b", "c"]
    assert ask("scenefleet plan rec") == ["recipe.yaml"]


def test_recipes_in_folders(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "my fields").mkdir()
    for name in ("my fields/a.yaml", "my fields/b.YML", "my fields/notes.txt", ".hidden.yaml"):
        (tmp_path / name).write_text(RECIPE)
    assert ask("scenefleet plan m") == ["my fields"]
    assert ask("scenefleet plan ") == ["my fields"]
    assert ask("scenefleet plan my\\ fields/") == ["my fields/a.yaml", "my fields/b.YML"]
    assert ask("scenefleet plan ~/.h") == ["~/.hidden.yaml"]


def test_an_id_with_colons_is_completed_as_bash_splits_it(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    folder = tmp_path / "results/runs/test-1"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    (folder / "plan.jsonl").write_text('{"id":"1","source":{"id":"urn:eo:scene-1"}}\n')
    assert ask("scenefleet logs test-1 urn:eo:s") == ["scene-1"]


@pytest.mark.parametrize(
    "text",
    [
        "name: [",
        "- a\n- b\n",
        "output: {store: 'az://account/container'}\nname: test\n",
        "output: {store: /no/such/folder}\n",
        "output: 3\n",
        "x" * 300_000,
    ],
    ids=["no YAML", "list", "azure", "no folder", "wrong", "large"],
)
def test_what_cannot_be_known_is_not_offered(ask: Ask, tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    assert ask("scenefleet status x") == []
    assert ask("scenefleet logs x y") == []


def test_damaged_runs_are_passed_over(ask: Ask, run: str, tmp_path: Path) -> None:
    runs = tmp_path / "results/runs"
    (runs / "test-half").mkdir()
    (runs / "test-file").write_text("a file")
    (runs / run / "plan.jsonl").write_text("no JSON\n")
    assert ask("scenefleet status ") == [run, "recipe.yaml", "results"]
    assert ask(f"scenefleet logs {run} ") == []


def test_it_reaches_no_network(ask: Ask, run: str, tmp_path: Path) -> None:
    """With a Python whose sockets cannot be made, it offers the same."""
    (tmp_path / "sitecustomize.py").write_text(
        "import socket\n"
        "def refuse(*_, **__):\n    raise AssertionError('a socket')\n"
        "socket.socket.__init__ = refuse\n"
    )
    assert ask("scenefleet status te", PYTHONPATH=str(tmp_path)) == [run]
    assert ask(f"scenefleet logs {run} ", PYTHONPATH=str(tmp_path)) == ["a", "b", "c"]


def test_it_is_quick_with_many_scenes(ask: Ask, run: str, tmp_path: Path) -> None:
    plan = tmp_path / "results/runs" / run / "plan.jsonl"
    line = plan.read_text().splitlines()[0]
    lines = (line.replace('"a"', f'"a{number}"') for number in range(20_000))
    plan.write_text("\n".join(lines))
    before = _cpu_seconds()
    assert len(ask(f"scenefleet logs {run} a")) > 100
    assert _cpu_seconds() - before < 1  # of bash, `scenefleet completion` and the answer


def _cpu_seconds() -> float:
    """CPU seconds of this process's children: the clock on the wall says little where many work."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_person_at_bash_presses_tab(run: str, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        environment = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path)}
        environment |= {"TERM": "dumb", "PS1": "> "}
        os.execve(bash, ["bash", "--norc", "-i"], environment)  # noqa: S606 - it is the shell
    try:
        _type(terminal, 'eval "$(scenefleet completion bash)"; echo re""ady\n', "ready")
        _type(terminal, "scenefleet sta\t", "scenefleet status ")
        _type(terminal, "te\t", run)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)


def _type(terminal: int, keys: str, wanted: str) -> None:
    """Types keys, and waits until a text is on the screen."""
    os.write(terminal, keys.encode())
    seen, end = "", time.monotonic() + 60
    while wanted not in seen:
        assert time.monotonic() < end, seen
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 4096).decode(errors="replace")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(cli: Callable[..., object], shell: str) -> None:
    done = cli("completion", shell)
    assert done.returncode == 0
    assert "_SCENEFLEET_COMPLETE=" in done.stdout
    assert not done.stderr
    assert cli("completion", SHELL=f"/usr/bin/{shell}").stdout == done.stdout


def test_another_shell_is_told_which_there_are(cli: Callable[..., object]) -> None:
    done = cli("completion", SHELL="/bin/tcsh")
    assert done.returncode == 2
    assert "name your shell: bash, zsh, fish" in done.stderr
