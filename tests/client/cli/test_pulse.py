"""A run that is followed in a file or a pipe is told of again, also while nothing ends."""

import threading
import time
from collections.abc import Iterator

import pytest

from scenefleet.cli.follow import follow
from scenefleet.cli.pulse import Pulse
from scenefleet.run import Ended, Event, Progress, Run, RunState, Submitted, TaskChanged


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_last_state_is_told_again_with_the_time_that_has_passed() -> None:
    clock, lines = Clock(), list[str]()
    pulse = Pulse(12, write=lines.append, clock=clock, silence=8)
    clock.now = 9
    pulse.look()
    assert lines == ["waiting for the first task to begin (0:09)"]
    pulse.update(Progress(waiting=10, running=2, done=0, failed=0))
    clock.now = 16
    pulse.look()
    assert len(lines) == 2, "seven seconds are no silence"
    clock.now = 17
    pulse.look()
    assert lines[-1] == "0/12 done, 2 running, 10 waiting (0:17)"
    pulse.say("failed: a")
    clock.now = 24
    pulse.look()
    assert lines[-1] == "failed: a"


def test_the_time_left_is_told_once_it_is_known_and_a_long_run_says_less() -> None:
    clock, lines = Clock(), list[str]()
    pulse = Pulse(12, write=lines.append, clock=clock, silence=8)
    for done in range(4):
        clock.now = 60.0 * done
        pulse.update(Progress(waiting=10 - done, running=2, done=done, failed=0))
    assert lines[-1] == "3/12 done, 2 running, 7 waiting, about 9 min left"
    clock.now = 700
    pulse.look()
    clock.now = 740
    pulse.look()
    assert len(lines) == 5
    clock.now = 760
    pulse.look()
    assert len(lines) == 6


def test_it_goes_on_by_itself_until_the_end() -> None:
    lines = list[str]()
    twice = threading.Event()

    def write(text: str) -> None:
        lines.append(text)
        if len(lines) == 2:
            twice.set()

    with Pulse(1, write=write, silence=0.01):
        assert twice.wait(30)
    told = len(lines)
    assert not [one for one in threading.enumerate() if one.name == "pulse"]
    assert len(lines) == told


def test_a_run_that_is_followed_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    moment = "2026-01-01T00:00:00Z"
    run = Run(
        id="r", name="r", state=RunState.DONE, created=moment, updated=moment, backend="local",
        tasks=2, version="1",
    )  # fmt: skip
    why = "source_unreadable: item s1, asset B04, /a/s1.tif: the file is empty."

    def events() -> Iterator[Event]:
        yield Submitted(2, 0, 0)
        yield Progress(2, 0, 0, 0)
        time.sleep(9.5)  # a silence, of which it speaks
        yield TaskChanged("t", "s1", "failed", why)
        yield Ended(run, ())

    told = list[str]()
    follow(events(), total=2, told=told)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["submitted 2 tasks", "0/2 done, 0 running, 2 waiting"]
    assert lines[2].startswith("0/2 done, 0 running, 2 waiting (0:0")
    assert lines[-1] == (
        "failed: s1: source_unreadable: asset B04, /a/s1.tif: the file is empty."
    ), "the scene is named once"
    assert len(told) == 1
