"""The page itself: one file with its own style and script, and a policy that allows no other."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.service import Service

SAFE = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Headers of all that the page consists of: no other page may hold, read or guess it."""


_ASK = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Batch emulator: key needed</title>
<h1>{what}</h1>
<p>This Batch emulator was started with a key of its own. Reload the page, and give as
<b>user name</b> the account (<code>devaccount</code>, unless <code>--account</code> names another)
and as <b>password</b> the account's key, as the emulator told it when it started.</p>
</html>
"""


async def show_page(service: Service, request: Request) -> Response:  # noqa: ARG001 - as all are called
    """Show the page. What there is it asks for itself, again and again."""
    text = _page()
    headers = {**SAFE, "Content-Security-Policy": _policy(text)}
    return Response(text, headers=headers, media_type="text/html")


def ask_for_key(*, given: bool) -> Response:
    """Returns what a browser shows of an account or key that was wrong, or not given."""
    what = "That account or key is not this emulator's." if given else "The page wants a key."
    headers = {**SAFE, "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
    text = _ASK.format(what=what)
    return Response(text, status_code=401, headers=headers, media_type="text/html")


@cache
def _page() -> str:
    return files("batch_emulator.page").joinpath("page.html").read_text("utf-8")


@cache
def _policy(page: str) -> str:
    """Nothing but the page's own script and style, by their hashes, and the page's own server."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(page, 'script')}",
            f"style-src {_hash(page, 'style')}",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _hash(page: str, name: str) -> str:
    (text,) = re.findall(f"<{name}>(.*?)</{name}>", page, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
