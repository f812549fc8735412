"""Who may see the page."""

from __future__ import annotations

from collections.abc import Mapping

from batch_emulator.options import DEVELOPMENT_KEY, Options, is_loopback
from batch_emulator.wire.auth import authenticate_basic
from batch_emulator.wire.head import check_host


def check_visitor(headers: Mapping[str, str], options: Options) -> None:
    """Let in who may see the page.

    With the well-known key that is everybody on this machine, under one of its own names: a web
    page elsewhere whose name was made to lead here is refused. With a key of one's own it is who
    knows that, and the browser asks for account and key.

    Raises:
        BatchError: `InvalidHeaderValue`, or `AuthenticationFailed` with status 401.
    """
    if is_loopback(options.host):
        check_host(headers.get("host", ""))
    if options.key != DEVELOPMENT_KEY:
        authenticate_basic(headers, options.account, options.key)
