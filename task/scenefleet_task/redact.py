"""Takes secrets out of text: every line that is logged and every message passes through here."""

from __future__ import annotations

import re

_RULES = (
    # An address keeps no query: SAS tokens live there, and no source needs its query to be named.
    (re.compile(r"(https?://[^\s?\"'<>]+)\?[^\s\"'<>]+", re.IGNORECASE), r"\1?<redacted>"),
    # A name with a signed query, as GDAL has it once it dropped the host.
    (re.compile(r"\?[^\s\"'<>]*\bsig=[^\s\"'<>]*", re.IGNORECASE), "?<redacted>"),
    # A signature that stands apart from its address, as in a bare SAS.
    (re.compile(r"\b(sig|AccountKey|SharedAccessSignature)=[^&\s\"'<>;]+", re.IGNORECASE),
     r"\1=<redacted>"),
    (re.compile(r"\b(Bearer|SharedKey)\s+\S+", re.IGNORECASE), r"\1 <redacted>"),
)  # fmt: skip


def redact(text: str) -> str:
    """The text without queries of addresses, signatures, account keys and bearer tokens."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def address(href: str) -> str:
    """An address or path as messages show it: without user, query and fragment."""
    bare = href.split("?", 1)[0].split("#", 1)[0]
    return re.sub(r"(?<=://)[^/@]+@", "", bare)
