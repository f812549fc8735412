"""The recipe's `resources`: what one task may take of the machine that it runs on."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from scenefleet.recipe.part import Part
from scenefleet_task import spec

_UNITS = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}
_TEXT = re.compile(r"(\d{1,12}(?:\.\d{1,3})?) ?([MG]i?B)", re.IGNORECASE)
_LEAST = 200_000_000
"""Bytes: numpy, rasterio and GDAL take about half of it before the first pixel is read."""
_MOST = 10**15
"""More than any machine has."""


def _memory(value: object) -> str:
    """The text in one spelling: `256 mb` is `256MB`."""
    found = _TEXT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(
            f"{value!r} was given: write a number and its unit, as in 256MB, 1GB or 512MiB; "
            f"the units are {', '.join(_UNITS)}"
        )
    unit = next(unit for unit in _UNITS if unit.lower() == found[2].lower())
    text = found[1] + unit
    if _bytes(text) > _MOST:
        raise ValueError(f"{value!r} was given: no machine has more than {_MOST // 10**9}GB")
    if _bytes(text) < _LEAST:
        raise ValueError(
            f"{value!r} was given: a task needs {_LEAST // 10**6}MB or more; write 256MB, say, and "
            "where a machine has little, lower the number of tasks at once"
        )
    return text


def _bytes(text: str) -> int:
    number, unit = re.split(r"(?<=[\d.])(?=[MG])", text)
    return round(float(number) * _UNITS[unit])


class Resources(Part):
    """What one task may take. Pixels do not depend on it, so neither do ids of tasks and runs."""

    memory: Annotated[
        str,
        BeforeValidator(_memory),
        Field(json_schema_extra={"pattern": r"^\d+(\.\d+)? ?[MG]i?B$"}),
    ] = "500MB"
    """Of the process that computes: it chooses windows and how far it reads ahead by it, and as
    many tasks run at once on a machine as its memory holds."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """That compute one task; fewer tasks then run at once. One is cheapest where there are as many
    tasks as cores."""

    @property
    def memory_bytes(self) -> int:
        """`memory` in bytes."""
        return _bytes(self.memory)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a task is told."""
        return {spec.ENV_MEMORY: str(self.memory_bytes), spec.ENV_THREADS: str(self.threads)}
