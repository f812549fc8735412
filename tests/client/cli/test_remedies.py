"""What is offered after a run with failures can help, and says nothing against itself."""

from __future__ import annotations

import pytest

from scenefleet.cli.ending import remedies


@pytest.mark.parametrize(
    ("exits", "retry", "lines"),
    [
        ({"script"}, False, 1),
        ({"radiometry"}, False, 1),
        ({"script", "radiometry"}, False, 2),
        ({"script", "store_unreachable"}, True, 2),
        ({None}, True, 1),
    ],
)
def test_retry_is_offered_only_where_it_can_help(
    exits: set[str | None], retry: bool, lines: int
) -> None:
    said = remedies(exits, "run-1", "./results")
    assert any("scenefleet retry" in line for line in said) == retry
    assert len(said) == lines
