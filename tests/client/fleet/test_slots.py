"""Tasks at once on a machine: by cores, threads and memory; the user is told where fewer run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scenefleet.errors import FleetError
from scenefleet.fleet import choose_pool
from scenefleet.fleet.machine import GIB, Machine, this_machine, vm_machine
from scenefleet.fleet.slots import asked_slots, fits, slots_of
from scenefleet.fleet.template import load_template
from scenefleet.recipe import RecipeFile, Resources, parse
from scenefleet.settings import read_settings

D4 = vm_machine("Standard_D4ds_v5")


def wanted(memory: str = "500MB", threads: int = 1) -> Resources:
    return Resources(memory=memory, threads=threads)


@pytest.mark.parametrize(
    ("size", "memory", "threads", "most", "count"),
    [
        ("Standard_D4ds_v5", "500MB", 1, 4, 4),
        ("Standard_D4ds_v5", "500MB", 1, 2, 2),  # who wrote the template wants no more
        ("Standard_D4ds_v5", "3.8GB", 1, 4, 4),  # 4 x 3.86 of 15.46 GB
        ("Standard_D4ds_v5", "3.9GB", 1, 4, 3),
        ("Standard_D4ds_v5", "7.6GB", 1, 4, 2),
        ("Standard_D4ds_v5", "7.7GB", 1, 4, 1),
        ("Standard_D4ds_v5", "500MB", 2, 4, 2),
        ("Standard_D4ds_v5", "500MB", 3, 4, 1),
        ("Standard_D4ds_v5", "500MB", 64, 4, 1),
        ("Standard_D4ds_v5", "500MB", 2, 2, 2),  # two of two threads each are four cores
        ("Standard_D4ds_v5", "500MB", 1, 8, 8),  # more than cores, on purpose
        ("Standard_D4ds_v5", "500MB", 2, 8, 4),
        ("Standard_D4ds_v5", "500MB", 1, 40, 16),  # Batch: four times the cores
        ("Standard_D96s_v5", "200MB", 1, 384, 256),  # Batch: 256
        ("Standard_F4s_v2", "1.8GB", 1, 4, 4),  # 4 x 1.86 of 7.59 GB: 1 GB stays, not a tenth
        ("Standard_F4s_v2", "1.9GB", 1, 4, 3),
        ("Standard_NC4as_T4_v3", "100GB", 1, 30, 30),  # its memory is not known
        ("Standard_NC4as_T4_v3", "100GB", 2, 30, 15),
    ],
)
def test_as_many_as_cores_and_memory_hold(
    size: str, memory: str, threads: int, most: int, count: int
) -> None:
    slots = slots_of(vm_machine(size), wanted(memory, threads), most=most)
    assert slots.count == count
    assert (slots.note is None) == (count == most)
    if slots.note and "threads" not in slots.note and "Batch" not in slots.note:
        assert "resources.memory" in slots.note


def test_memory_is_never_promised_twice() -> None:
    for memory in range(200, 9000, 37):
        for cores in (1, 2, 4, 16, 96):
            machine = Machine(name="m", cores=cores, memory=cores * 4 * GIB)
            each = wanted(f"{memory}MB")
            count = slots_of(machine, each, most=cores).count
            assert 1 <= count <= cores
            if count < cores:
                assert not fits(machine, each, count + 1)
            if count > 1:
                assert count * (memory * 1e6 + 60e6) <= 0.9 * cores * 4 * GIB


def test_the_note_says_why() -> None:
    assert slots_of(D4, wanted("4GB"), most=4).note == (
        "Standard_D4ds_v5: 3 at once and not 4: a task may take 4.1 GB (`resources.memory` and its "
        "supervisor), and 15.5 GB of 17.2 GB are for tasks"
    )
    assert slots_of(D4, wanted(threads=2), most=4).note == (
        "Standard_D4ds_v5: 2 at once and not 4: each computes with 2 threads (`resources.threads`)"
    )
    told = slots_of(D4, wanted("30GB"), most=4)
    assert told.count == 1
    assert "even one task may be too many" in str(told.note)
    assert "even one" in str(slots_of(D4, wanted("30GB"), most=1).note)


def test_what_the_recipe_asks_for_stands() -> None:
    small = Machine(name="this machine", cores=4, memory=4e9)
    assert asked_slots(small, wanted(), 5).note is None  # 5 x 0.56 of 3 GB
    slots = asked_slots(small, wanted(), 6)
    assert slots.count == 6
    assert "`compute.slots`" in str(slots.note)


# --- the pool of a recipe


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    path = tmp_path / "settings.toml"
    path.write_text("[azure]\nbatch_endpoint = 'https://a.b.batch.azure.com'\nimage = 'a.io/b'\n")
    return read_settings(path, {})


def recipe(tmp_path: Path, more: str) -> RecipeFile:
    path = tmp_path / "recipe.yaml"
    text = f"version: 1\nname: a\nsearch: {{}}\n{more}"
    return RecipeFile(parse(text, path), path, text)


def test_a_node_of_a_template(tmp_path: Path, settings: Any) -> None:
    choice = choose_pool(recipe(tmp_path, "compute: {backend: azure}"), settings)
    assert (choice.slots, choice.cores, choice.note) == (4, 4, None)
    assert choice.body["taskSlotsPerNode"] == 4
    more = "compute: {backend: azure}\nresources: {memory: 7GiB}"
    choice = choose_pool(recipe(tmp_path, more), settings)
    assert (choice.slots, choice.cores) == (2, 4)
    assert choice.body["taskSlotsPerNode"] == 2
    assert str(choice.note).startswith("STANDARD_D4DS_V5: 2 at once and not 4")


def test_a_template_of_ones_own(tmp_path: Path, settings: Any) -> None:
    def chosen(slots: object) -> Any:
        template = {**load_template("spot").properties, "vmSize": "Standard_NC8as_T4_v3"}
        template.pop("taskSlotsPerNode")
        if slots is not None:
            template["taskSlotsPerNode"] = slots
        (tmp_path / "mine.pool.json").write_text(json.dumps(template))
        more = "compute: {backend: azure, pool: mine.pool.json}\nresources: {memory: 40GB}"
        return choose_pool(recipe(tmp_path, more), settings)

    assert (chosen(6).body["taskSlotsPerNode"], chosen(6).cores, chosen(6).note) == (6, 8, None)
    assert chosen(None).slots == 1
    for wrong in (0, "4", True, 2.0):
        with pytest.raises(FleetError, match=r"mine\.pool\.json: taskSlotsPerNode is"):
            chosen(wrong)


def test_a_run_on_this_machine(tmp_path: Path, settings: Any) -> None:
    here = this_machine()
    choice = choose_pool(recipe(tmp_path, ""), settings)
    assert choice.cores == here.cores
    assert choice.slots == slots_of(here, wanted(), most=here.cores).count
    assert choice.body["targetDedicatedNodes"] == choice.slots
    assert choose_pool(recipe(tmp_path, "resources: {threads: 64}"), settings).slots == 1
    choice = choose_pool(recipe(tmp_path, "resources: {memory: 200000GB}"), settings)
    assert choice.slots == 1
    assert "even one task" in str(choice.note)
    choice = choose_pool(recipe(tmp_path, "compute: {slots: 7}"), settings)
    assert choice.slots == 7
