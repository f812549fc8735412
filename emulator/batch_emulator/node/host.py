"""What all nodes share: the machine they are on, as the emulator was told to use it."""

from __future__ import annotations

from dataclasses import dataclass, field

from batch_emulator.clock import Clock
from batch_emulator.node.agent_link import AgentLink
from batch_emulator.node.engine import Engines
from batch_emulator.options import Options


@dataclass(frozen=True, slots=True)
class Host:
    """This machine."""

    options: Options
    clock: Clock
    agent: AgentLink
    engines: Engines = field(default_factory=Engines)
    """What runs containers here."""
