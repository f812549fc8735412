"""The estimate is arithmetic over what the items say."""

import pytest

from scenefleet.plan import vm_cores


@pytest.mark.parametrize(
    ("size", "cores"),
    [
        ("STANDARD_D4DS_V5", 4),
        ("Standard_D16s_v5", 16),
        ("Standard_F2", 2),
        ("Basic_A0", 1),
        ("x", 1),
    ],
)
def test_cores_are_in_a_sizes_name(size: str, cores: int) -> None:
    assert vm_cores(size) == cores
