"""How many tasks run at once on a machine: as many as its cores and its memory hold. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from scenefleet.fleet.machine import Machine
from scenefleet.recipe import Resources

_SUPERVISOR = 60e6
"""Bytes of the process beside the one that computes: 51 MB were measured, Azure's SDK loaded."""
_KEPT_SHARE, _KEPT_LEAST = 0.1, 1e9
"""Of a machine's memory this share, and so many bytes at least, are not for tasks: the operating
system, Batch's agent and the container engine take about 1 GB, larger machines more."""
_CAP_A_CORE, _CAP = 4, 256
"""Azure Batch's own bounds on `taskSlotsPerNode`: source
https://learn.microsoft.com/rest/api/batchservice/pools/create-pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """How many tasks run at once on a machine."""

    count: int
    """At least 1."""
    note: str | None
    """What the user should know: fewer than was asked for, or even one may be too many."""


def slots_of(machine: Machine, resources: Resources, *, most: int) -> Slots:
    """Tasks at once where `most` is the bound that a person set: never more, often fewer.

    A bound above the number of cores stays so for tasks of one thread: who set it wants cores kept
    busy while tasks wait for the network. A machine whose memory is not known keeps its bound.

    Args:
        machine: what they run on.
        resources: what each of them may take.
        most: the pool template's number, or what this machine's cores allow.
    """
    cores = max(machine.cores, most)
    bounds = {
        f"each computes with {resources.threads} threads (`resources.threads`)": (
            cores // resources.threads
        )
    }
    if machine.memory is not None:
        cap = min(_CAP_A_CORE * machine.cores, _CAP)
        bounds[f"Azure Batch allows {cap} on {machine.cores} cores"] = cap
        fit = int(_room(machine.memory) / _each(resources))
        bounds[_memory_told(machine.memory, resources)] = fit
    why, least = min(bounds.items(), key=lambda bound: bound[1])
    count = max(1, min(most, least))
    if not fits(machine, resources, 1):
        why = _memory_told(machine.memory or 0, resources)
        return Slots(
            count=1,
            note=f"{machine.name}: even one task may be too many: {why}. It may be ended for want "
            "of memory: take a larger machine, or lower `resources.memory`",
        )
    if count == most:
        return Slots(count=count, note=None)
    return Slots(count=count, note=f"{machine.name}: {count} at once and not {most}: {why}")


def asked_slots(machine: Machine, resources: Resources, asked: int) -> Slots:
    """Tasks at once where the recipe gives the number: it stands, with a note if it is too many."""
    if fits(machine, resources, asked):
        return Slots(count=asked, note=None)
    why = _memory_told(machine.memory or 0, resources)
    return Slots(
        count=asked,
        note=f"{machine.name}: {asked} tasks at once may be too many (`compute.slots`): {why}",
    )


def fits(machine: Machine, resources: Resources, count: int) -> bool:
    """Whether so many tasks have room in a machine's memory; true where it is not known."""
    return machine.memory is None or count * _each(resources) <= _room(machine.memory)


def _room(memory: float) -> float:
    return memory - max(_KEPT_LEAST, _KEPT_SHARE * memory)


def _each(resources: Resources) -> float:
    return resources.memory_bytes + _SUPERVISOR


def _memory_told(memory: float, resources: Resources) -> str:
    return (
        f"a task may take {_told(_each(resources))} (`resources.memory` and its supervisor), and "
        f"{_told(max(0, _room(memory)))} of {_told(memory)} are for tasks"
    )


def _told(value: float) -> str:
    return f"{value / 1e6:.0f} MB" if value < 1e9 else f"{value / 1e9:.1f} GB"
