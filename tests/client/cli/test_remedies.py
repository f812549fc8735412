"""What is offered after a run with failures can help, and says nothing against itself."""

from __future__ import annotations

import pytest

from scenefleet.results.advice import ADVICE, remedies, retry_note
from scenefleet.results.failures import draw_failures
from scenefleet.run import TaskOutcome

VAIN = {"document", "input_mismatch", "no_overlap", "radiometry", "script"}
"""Exits that depend on nothing but what was frozen with the run."""


@pytest.mark.parametrize(
    ("exits", "retry", "lines"),
    [
        ({"script"}, False, 1),
        ({"radiometry"}, False, 1),
        ({"script", "radiometry"}, False, 2),
        ({"input_mismatch", "no_overlap"}, False, 1),
        ({"document"}, False, 1),
        ({"script", "store_unreachable"}, True, 2),
        ({"source_missing"}, True, 1),
        ({"service"}, True, 1),
        ({None}, True, 1),
    ],
)
def test_retry_is_offered_only_where_it_can_help(
    exits: set[str | None], retry: bool, lines: int
) -> None:
    said = remedies(exits, "run-1", "./results")
    assert any("scenefleet retry" in line for line in said) == retry
    assert len(said) == lines


@pytest.mark.parametrize("exit_", [*sorted(ADVICE), None])
def test_report_and_terminal_say_the_same_of_every_exit(exit_: str | None) -> None:
    outcome = TaskOutcome(
        task="t", item="i", collection="c", datetime="2023-01-01T00:00:00Z",
        geometry={"type": "Point", "coordinates": [0, 0]}, state="failed", exit=exit_,
    )  # fmt: skip
    report = draw_failures("run-1", [outcome], frozenset({0}))
    terminal = "\n".join(remedies({exit_}, "run-1", "./results"))
    can_help = exit_ not in VAIN
    assert ("scenefleet retry run-1" in terminal) == can_help
    assert ("scenefleet retry run-1" in report) == can_help
    assert terminal


@pytest.mark.parametrize(
    ("exits", "note"),
    [
        ({"killed"}, "redo the failed scenes"),
        ({"store_full"}, "once the store has room: redo the failed scenes"),
        (
            {"source_missing", "killed", "script"},
            "redo the failed scenes; some only once the missing files are there; those of script "
            "fail again",
        ),
        ({"script"}, None),
        (set[str](), None),
    ],
)
def test_what_a_retry_does(exits: set[str], note: str | None) -> None:
    assert retry_note(exits) == note
