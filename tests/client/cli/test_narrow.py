"""Tables in a terminal: never wider than it, ends of names kept, reasons below."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from scenefleet.cli.cells import cells, shorten
from scenefleet.cli.main import VERBS, cli
from scenefleet.cli.narrow import Growing, put_rows

HEADERS = ("state", "date", "seconds", "valid %", "tries", "scene")
SCENE = "S2B_MSIL2A_20240825T173909_R098_T13TDE_20240825T212345"
WHY = "no connection to tiles.example within 20 s, after 4 attempts; " * 3


def rows() -> list[tuple[tuple[object, ...], str]]:
    return [
        (("done", "2024-08-25", "12.3", "97.1", 1, SCENE), ""),
        (("failed", "2024-08-27", None, None, 12, SCENE), WHY),
    ]


@pytest.mark.parametrize("most", [30, 40, 80, 120])
def test_no_line_is_wider_than_the_terminal(capsys: pytest.CaptureFixture[str], most: int) -> None:
    put_rows(HEADERS, rows(), name=5, spare=(4, 2, 3), most=most)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= most
    assert lines[0].startswith("state")
    assert [line.split()[0] for line in lines if not line.startswith(" ")][1:] == ["done", "failed"]
    assert " ".join(" ".join(lines[3:]).split()) == WHY.strip()
    assert ("tries" in lines[0]) == (most >= 80)
    assert (SCENE in lines[1]) == (most == 120)
    assert lines[1].endswith(SCENE[-4:])


def test_elsewhere_a_row_is_one_line_with_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    put_rows(HEADERS, rows(), name=5, spare=(4, 2, 3), most=None)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert SCENE in lines[2]
    assert lines[2].endswith(" ".join(WHY.split()))


@pytest.mark.parametrize("most", [30, 40, 80, 120])
def test_letters_of_two_columns_do_not_burst_a_table(
    capsys: pytest.CaptureFixture[str], most: int
) -> None:
    scene, why = "場面_2024年08月25日_オランダ_ゼーラント_🚀", "接続が拒否されました" * 12
    put_rows(
        HEADERS, [(("failed", "2024-08-25", None, None, 1, scene), why)],
        name=5, spare=(4, 2, 3), most=most,
    )  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    assert max(map(cells, lines)) <= most
    assert lines[1].endswith("🚀")
    assert "".join(line.strip() for line in lines[2:]) == why


def test_lines_of_a_reason_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    why = "s.py: line 6: KeyError: 'k'\n    s.py, line 10 in process: share()\n    s.py, line 6"
    put_rows(HEADERS, [(("failed", "", "", "", 1, SCENE), why)], name=5, spare=(), most=80)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == ["    " + line for line in why.splitlines()]


@pytest.mark.parametrize("most", [40, 80, 120])
def test_what_was_found_has_lines_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(most))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    table = Growing(("check", "", "what was found"), (("store", "scenefleet"), ("ok", "wrong")))
    table.put(("store", "wrong", WHY))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= most
    assert " ".join(" ".join(lines).split()).endswith(WHY.strip())
    assert ("what was found" in lines[0]) == (most > 40)


@pytest.mark.parametrize("columns", [30, 40, 50, 80])
@pytest.mark.parametrize("verb", ["", *(verb for verb in VERBS if verb != "emulator")])
def test_help_fits_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb: str, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    cli.main([*filter(None, [verb]), "--help"], prog_name="scenefleet", standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()
    longest = max((word for line in lines for word in line.split("  ")), key=len)
    assert max(map(len, lines)) <= max(columns, len(longest) + 13), lines


def test_a_name_keeps_its_ends() -> None:
    assert shorten(SCENE, len(SCENE)) == SCENE
    short = shorten(SCENE, 20)
    assert (len(short), short[:10], short[-9:]) == (20, SCENE[:10], SCENE[-9:])
    assert shorten(SCENE, 1) == "…"


def test_the_width_is_the_terminal_s_and_there_is_none_in_a_pipe() -> None:
    script = "from scenefleet.cli.narrow import width; print(width())"
    piped = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert piped.stdout == "None\n"
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    without = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    subprocess.run([sys.executable, "-c", script], stdout=slave, check=True, env=without)
    os.close(slave)
    assert os.read(master, 100).strip() == b"40"
    os.close(master)
