"""Puts a witness into every Batch emulator that a program under test starts.

Python imports this when it starts, because `PYTHONPATH` leads here: see `witnessing`. What is not
an emulator goes on as ever. A client in a process of its own, whose emulator is one of the client's
own making, cannot be watched from outside.
"""

import json
import os
import sys


def _watched(make_app, file):
    """The maker of an application that also writes down what it answers, a line of JSON each."""

    def make(service):
        app = make_app(service)

        async def witness(scope, receive, send):
            told = []

            async def tell(message):
                told.append(message)
                await send(message)

            await app(scope, receive, tell if scope["type"] == "http" else send)
            if told:
                with open(file, "a", encoding="ascii") as lines:  # noqa: ASYNC230, PTH123 - short
                    lines.write(json.dumps(_exchanged(scope, told)) + "\n")

        return witness

    return make


def _exchanged(scope, told):
    asked, answered = (
        {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
        for headers in (scope["headers"], told[0]["headers"])
    )
    path, query = scope["raw_path"].decode("ascii"), scope["query_string"].decode("ascii")
    body = b"".join(message.get("body", b"") for message in told[1:])
    is_json = answered.get("content-type", "").startswith("application/json")
    return {
        "method": scope["method"],
        "url": f"http://{asked.get('host', '')}{path}?{query}",
        "asked": asked,
        "status": told[0]["status"],
        "headers": answered,
        "body": body.decode("latin-1") if is_json or not body else None,
    }


_ANSWERS = os.path.join(os.path.dirname(__file__), "answers")  # noqa: PTH118, PTH120 - it starts all
if sys.orig_argv[1:4] == ["-m", "batch_emulator", "serve"] and os.path.exists(_ANSWERS):  # noqa: PTH110
    from batch_emulator import app

    app.make_app = _watched(app.make_app, _ANSWERS)
