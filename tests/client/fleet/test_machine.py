"""Cores and memory of Azure's sizes, against what their pages list; and of this machine."""

import os
from pathlib import Path

import pytest

from scenefleet.fleet.machine import GIB, this_machine, vm_machine


@pytest.mark.parametrize(
    ("size", "cores", "gib"),
    [
        ("STANDARD_D4DS_V5", 4, 16),
        ("Standard_D16s_v5", 16, 64),
        ("Standard_D48as_v6", 48, 192),
        ("Standard_D4ls_v5", 4, 8),
        ("Standard_D2_v2", 2, 7),
        ("Standard_DS3_v2", 4, 14),
        ("Standard_D11_v2", 2, 14),
        ("Standard_DS13_v2_Promo", 8, 56),
        ("Standard_E4ds_v5", 4, 32),
        ("Standard_E8-2as_v5", 2, 64),
        ("Standard_F2", 2, 4),
        ("Standard_F8s_v2", 8, 16),
        ("Standard_F16as_v6", 16, 64),
        ("Standard_F16als_v6", 16, 32),
        ("Standard_F16ams_v6", 16, 128),
        ("Standard_F2-1ams_v7", 1, 16),
        ("Standard_L8s_v3", 8, 64),
        ("Standard_L4s", 4, 32),
        ("Standard_B4ls_v2", 4, 8),
        ("Standard_B8s_v2", 8, 32),
        ("Standard_A4_v2", 4, 8),
        ("Standard_A4m_v2", 4, 32),
        ("Standard_M32ts", 32, 192),
    ],
)
def test_a_sizes_name_tells_what_it_has(size: str, cores: int, gib: float) -> None:
    machine = vm_machine(size)
    assert (machine.cores, machine.memory) == (cores, gib * GIB)


@pytest.mark.parametrize(
    ("size", "cores", "gib"),
    [
        ("Standard_D64ps_v5", 64, 208),
        ("Standard_D96s_v5", 96, 384),
        ("Standard_E32ps_v5", 32, 208),
        ("Standard_E64_v4", 64, 504),
        ("Standard_E96s_v5", 96, 672),
        ("Standard_E104is_v5", 104, 672),
        ("Standard_M48s_1_v3", 48, 974),
        ("Standard_M64ms", 64, 1792),
    ],
)
def test_of_large_sizes_no_more_is_told_than_they_have(size: str, cores: int, gib: float) -> None:
    machine = vm_machine(size)
    assert machine.cores == cores
    assert machine.memory is not None
    assert cores * GIB <= machine.memory <= gib * GIB


@pytest.mark.parametrize(
    ("size", "cores"),
    [
        ("Standard_NC4as_T4_v3", 4),
        ("Standard_HB120rs_v3", 120),
        ("Standard_FX4mds", 4),
        ("Standard_DC4as_v5", 4),
        ("Standard_B2ts_v2", 2),
        ("Standard_B2s", 2),
        ("Basic_A0", 1),
        ("x", 1),
    ],
)
def test_memory_of_other_families_is_not_guessed(size: str, cores: int) -> None:
    machine = vm_machine(size)
    assert (machine.cores, machine.memory) == (cores, None)


def test_this_machine_has_no_more_than_the_kernel_says() -> None:
    (line,) = [
        line
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemTotal:")
    ]
    machine = this_machine()
    assert machine.cores == os.cpu_count()
    assert machine.memory is not None
    assert 0 < machine.memory <= int(line.split()[1]) * 1024
