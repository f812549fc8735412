"""A bar is one line at any width, whatever becomes of the window; lines go above it."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time

import pytest

from scenefleet.cli.bar import Bar, can_draw, compose
from scenefleet.cli.cells import cells
from scenefleet.cli.show import say
from scenefleet.run import Progress

COLORS = re.compile(r"\x1b\[[0-9;]*m")
SOME = Progress(waiting=960, running=12, done=25, failed=3)


class Terminal(io.StringIO):
    """A terminal that notes what is written, a drawing each."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self.drawn: list[str] = []
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        self.drawn.append(text)
        return len(text)


def line_of(drawn: str) -> str:
    """The line that stands at last, without what steers the terminal."""
    return re.sub(r"\x1b\[\d*[AJK]", "", COLORS.sub("", drawn)).rpartition("\r")[2].rstrip("\n")


@pytest.mark.parametrize("columns", range(200))
@pytest.mark.parametrize("left", [None, 44.0, 40_000.0])
def test_a_line_fits(columns: int, left: float | None) -> None:
    for progress, total in ((SOME, 1000), (Progress(5, 0, 0, 0), 5), (SOME, 100_000)):
        line, bar = compose(progress, total, 5025, left, columns)
        assert len(line) <= columns
        assert line.count("\0") == bar
        if columns >= 40:
            assert f"{progress.done}/{total}" in line
            assert bar >= 8
            assert ("3 failed" in line) == bool(progress.failed)
            assert ("left" in line) == (left is not None)
    if columns >= 90 and left:
        assert "12 running, 960 waiting" in line
        assert "1:23:45" in line


def test_each_drawing_fits_the_window_of_that_moment(capfd: pytest.CaptureFixture[str]) -> None:
    terminal, columns = Terminal(), 100
    with Bar(1000, stream=terminal, columns=lambda: columns) as bar:
        bar.update(SOME)
        assert len(line_of(terminal.drawn[-1])) > 60
        columns = 30
        bar.update(SOME)
        assert terminal.drawn[-1].startswith("\x1b[2A\r\x1b[J")  # what the smaller window wrapped
        assert len(line_of(terminal.drawn[-1])) < 30
        say("failed: 日本語の場面")
        above, _, rest = terminal.drawn[-1].partition("\n")
        assert above == "\r\x1b[Jfailed: 日本語の場面"
        assert line_of(rest).startswith("25/1000 ")
    assert terminal.drawn[-1].endswith("\n")
    say("after it")
    assert capfd.readouterr().err == "after it\n"


def test_time_goes_on_while_nothing_happens() -> None:
    terminal, now = Terminal(), [0.0]
    with Bar(5, stream=terminal, columns=lambda: 80, clock=lambda: now[0]):
        now[0] = 61.0
        end = time.monotonic() + 30
        while "1:01" not in line_of(terminal.drawn[-1]):
            assert time.monotonic() < end
            time.sleep(0.05)


def test_colors_are_left_out_where_nobody_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for value, colors in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", value)
        terminal = Terminal()
        with Bar(30, stream=terminal, columns=lambda: 80) as bar:
            bar.update(Progress(waiting=0, running=2, done=25, failed=3))
        assert bool(COLORS.search("".join(terminal.drawn))) == colors
        assert "━" in terminal.drawn[-1]
        assert ("x" in terminal.drawn[-1]) == (not colors)  # failures are told apart all the same


def test_a_terminal_without_these_letters_has_others() -> None:
    terminal = Terminal("latin-1")
    with Bar(30, stream=terminal, columns=lambda: 80) as bar:
        bar.update(SOME)
    assert "#" in terminal.drawn[-1]
    "".join(terminal.drawn).encode("latin-1")


@pytest.mark.parametrize(
    ("environment", "draws"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": ""}, False), ({}, False)],
)
def test_a_dumb_terminal_gets_plain_lines(environment: dict[str, str], draws: bool) -> None:
    assert can_draw(Terminal(), environment) == draws
    assert not can_draw(io.StringIO(), environment)


@pytest.mark.parametrize(
    ("real", "named", "columns"),
    [(40, None, 40), (120, "60", 60), (60, "120", 60), (0, "50", 50), (0, None, 80), (70, "x", 70)],
)
def test_the_width_is_the_terminals_or_less(real: int, named: str | None, columns: int) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, real, 0, 0))
    script = "import os, sys; from scenefleet.cli.cells import columns_of; "
    script += "print(columns_of(sys.stderr, os.environ))"
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    environment |= {"COLUMNS": named} if named else {}
    done = subprocess.run(
        [sys.executable, "-c", script],
        stderr=slave, stdout=subprocess.PIPE, check=True, text=True, env=environment,
    )  # fmt: skip
    os.close(slave)
    os.close(master)
    assert done.stdout == f"{columns}\n"


def test_letters_of_two_columns_count_as_two() -> None:
    assert cells("日本") == 4
    assert cells("🚀 ab") == 5
