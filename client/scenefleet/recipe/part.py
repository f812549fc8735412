"""What all parts of a recipe share: they never change, and an unknown key is an error."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

Place = tuple[str | int, ...]
"""A key of the recipe, as the way to it: `("process", "indices", 0)`."""


class Part(BaseModel):
    """A mapping of the recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _number_is_no_answer(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - YAML
        """Refuse YAML's `yes` and `true` for numbers: they would count as 1."""
        wanted = str(cls.model_fields[info.field_name or ""].annotation)
        if isinstance(value, bool) and re.search(r"\b(int|float)\b", wanted):
            raise PydanticCustomError("number", "write a number, not yes, no, true or false")
        return value


def near(word: str, known: Iterable[str], *, most: int = 1) -> str:
    """`; did you mean 'x'?` for the known words nearest to a wrong one, or `;` where none is near.

    Upper and lower case count as equal.
    """
    lower = {name.lower(): name for name in sorted(known)}
    swapped = [one for one in lower if sorted(one) == sorted(word.lower())]
    alike = difflib.get_close_matches(word.lower(), lower, n=most, cutoff=0.6)
    found = list(dict.fromkeys([*swapped, *alike]))[:most]
    return f"; did you mean {' or '.join(repr(lower[one]) for one in found)}?" if found else ";"


def refuse(problems: Iterable[tuple[Place, str]]) -> None:
    """Ends a model's validation with problems that each stand at a place of their own, below it.

    Raises:
        PydanticCustomError: if there is one; `read` takes it apart again.
    """
    told = list(problems)
    if told:
        text = "\n".join(f"{'.'.join(map(str, place))}: {what}" for place, what in told)
        raise PydanticCustomError("problems", "{text}", {"text": text, "problems": told})
