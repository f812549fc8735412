"""Parameters that every operation has, and that change nothing here.

`timeOut` says how long the service may take, which is never as long as that here: it is checked to
be a number. `$expand=stats` asks for statistics, which the service rolls up about every half hour
and leaves out until it has: here they stay out, and so does whatever else is to be expanded.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from batch_emulator.wire.errors import invalid_query

_TIMEOUTS = ("timeout", "timeOut")
_LONGEST = 18
"""Digits, that nobody has a number made of more."""


def check_parameters(query: str) -> None:
    """Hold a request's query to what the service takes.

    Raises:
        BatchError: naming the parameter.
    """
    for name, value in parse_qsl(query):
        if name in _TIMEOUTS and not _is_number(value):
            raise invalid_query(name, value, "A whole number of seconds is expected.")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST
