"""What all parts of a recipe share: they never change, and an unknown key is an error."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from scenefleet.errors import RecipeError

Place = tuple[str | int, ...]
"""A key of the recipe, as the way to it: `("process", "indices", 0)`."""


if TYPE_CHECKING:  # a type checker reads the keys of each part from its fields
    _Base = BaseModel
else:

    class _Words(type(BaseModel)):
        """Makes parts that are written in Python say what is wrong as those of a file do."""

        def __call__(cls, **values: Any) -> Any:  # noqa: ANN401 - of any part
            try:
                # not by __init__: a validator may put another value in the place of a part
                return cls.model_validate(values)
            except ValidationError as error:
                from scenefleet.recipe.problems import each_problem

                problems = each_problem(error, values, cls, cls.__name__)
                raise RecipeError("\n".join(dict.fromkeys(problems))) from None

    class _Base(BaseModel, metaclass=_Words):
        pass


class Part(_Base):
    """A mapping of the recipe. Made in Python, it raises `RecipeError` for a key or value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _number_is_no_answer(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - YAML
        """Refuses YAML's `yes` and `true` for numbers: they would count as 1.

        Paths and numbers of numpy, which a program may give, become text and plain numbers.
        """
        if isinstance(value, os.PathLike):
            return os.fspath(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0:
            value = value.item()
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
