"""The time left is told from what has ended: not before, roughly right, and without jumps."""

from __future__ import annotations

import itertools
import random

import pytest

from scenefleet.run import Progress
from scenefleet.run.time_left import TimeLeft, describe_seconds


def simulate(
    tasks: int, slots: list[tuple[float, int]], seconds: float, spread: float = 0.3, done: int = 0
) -> list[tuple[float, float | None]]:
    """Runs tasks on slots that come at times; gives the true time left and the one that is told."""
    chance = random.Random(1)
    free, waiting = sorted(at for at, number in slots for _ in range(number)), tasks
    ends: list[float] = []
    while waiting:
        at = free.pop(0)
        waiting -= 1
        end = at + seconds * chance.uniform(1 - spread, 1 + spread)
        ends.append(end)
        free = sorted([*free, end])
    ends.sort()
    began = sorted(at for at, number in slots for _ in range(number))
    left, told = TimeLeft(), list[tuple[float, float | None]]()
    for now in range(int(ends[-1])):
        ended = sum(end <= now for end in ends)
        running = min(sum(at <= now for at in began), tasks - ended)
        left.note(Progress(tasks - ended - running, running, done + ended, 0), float(now))
        told.append((ends[-1] - now, left.seconds(float(now))))
    return told


def test_nothing_is_told_before_a_round_of_tasks_has_ended() -> None:
    left = TimeLeft()
    left.note(Progress(100, 0, 40, 0), 0)  # what was done before is no pace
    assert left.seconds(500) is None
    left.note(Progress(92, 8, 40, 0), 600)
    assert left.seconds(700) is None
    left.note(Progress(90, 8, 42, 0), 660)
    assert left.seconds(660) is None  # the first two of eight
    left.note(Progress(84, 8, 48, 0), 680)
    assert left.seconds(680) == pytest.approx(92 * 80 / 8, rel=0.01)


def test_nothing_is_told_while_nothing_runs() -> None:
    left = TimeLeft()
    for now, done in enumerate(range(0, 50, 5)):
        left.note(Progress(100 - done, 5, done, 0), now)
    assert left.seconds(10) is not None
    left.note(Progress(55, 0, 45, 0), 11)
    assert left.seconds(11) is None


@pytest.mark.parametrize("spread", [0, 0.3, 0.9])
@pytest.mark.parametrize("slots", [1, 2, 20])
def test_it_is_about_right_and_does_not_jump(slots: int, spread: float) -> None:
    told = simulate(300, [(0, slots)], 60, spread)
    known = [(true, said) for true, said in told if said is not None]
    assert len(known) > 0.8 * len(told)
    middle = known[len(known) // 5 : -len(known) // 5]
    assert all(abs(said - true) < 0.35 * true + 60 for true, said in middle)
    jumps = [abs(b - a) for (_, a), (_, b) in itertools.pairwise(middle)]
    assert max(jumps) < 0.1 * middle[0][0] + 60


def test_a_pool_that_grew_is_known_to_be_fast() -> None:
    told = simulate(2000, [(0, 2), (1800, 38)], 60)
    late = [(true, said) for true, said in told if said is not None and 300 < true < 1200]
    true, said = late[-1]
    assert said == pytest.approx(true, rel=0.5)


def test_a_run_that_stalls_does_not_count_down_to_nothing() -> None:
    left = TimeLeft()
    for done in range(11):
        left.note(Progress(20 - done - 2, 2, done, 0), done * 10)
    soon, later = left.seconds(100), left.seconds(1100)
    assert soon == pytest.approx(100, rel=0.1)
    assert later is not None
    assert later > 100


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "10 s"), (44, "40 s"), (90, "2 min"), (3000, "50 min"), (6000, "1.5 h")],
)
def test_it_is_told_as_roughly_as_it_is_known(seconds: float, text: str) -> None:
    assert describe_seconds(seconds) == text
