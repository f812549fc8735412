"""Words for what a malformed document of a catalogue makes fail, in place of Python's own."""

from __future__ import annotations

from scenefleet.inputs import cut
from scenefleet_task.redact import redact

FAULTS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""The errors that values of another type, or missing ones, lead to."""


_KINDS: dict[type, str] = {dict: "an object", list: "a list", str: "text", type(None): "null"}


def kind_of(value: object) -> str:
    """Returns what kind of JSON value something is, in JSON's words."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return _KINDS.get(type(value), "a number" if number else "true or false")


def flaw(error: BaseException) -> str:
    """Returns what is wrong with a document, told from the error that it led to."""
    if isinstance(error, KeyError):
        name = error.args[0] if error.args else ""
        return f"it has no {cut(redact(str(name)), 60)!r}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, IndexError):
        return "a list in it is too short"
    if isinstance(error, OverflowError):
        return "a number in it is too large"
    if isinstance(error, ValueError):
        return cut(redact(" ".join(str(error).split())), 200) or "a value in it is wrong"
    return "a value in it is not of the type that STAC says"
