"""Query parameters that several operations share."""

from __future__ import annotations

from starlette.requests import Request

from batch_emulator.wire.errors import invalid_query


def truth(request: Request, name: str) -> bool:
    """A parameter that is true or false; false where it is not given.

    Raises:
        BatchError: if it is something else.
    """
    text = request.query_params.get(name, "false").lower()
    if text not in ("true", "false"):
        raise invalid_query(name, text, "true or false is expected.")
    return text == "true"
