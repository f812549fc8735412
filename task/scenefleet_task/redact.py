"""Takes secrets out of text: every line that is logged and every message passes through here.

What is a secret is told by its name, since its value looks like any other text. Standard library
only; the client uses it too.
"""

from __future__ import annotations

import html
import re
from urllib.parse import unquote

_NAMES = (
    r"[\w.-]{0,64}token[\w.-]{0,64}",
    r"[\w.-]{0,64}secret[\w.-]{0,64}",
    r"[\w.-]{0,64}passw(?:or)?d",
    r"[\w.-]{0,64}passphrase",
    r"(?:[\w-]{0,64}[-_.])?pwd",
    r"[\w.-]{0,64}signature",
    r"[\w.-]{0,64}credentials?",
    r"(?:[\w-]{0,64}[-_.])?(?:sig|sas|jwt|hmac)",
    r"(?:[\w-]{0,64}[-_.])?api[-_. ]?key",
    r"[\w-]{0,64}subscription[-_.]?key",
    r"(?:[\w-]{0,64}[-_.])?(?:shared|account|access|private|auth|client|storage|license)[-_.]?key(?:[-_.]?id)?",
    r"sharedaccesssignature|accountkey|sharedaccesskey|awsaccesskeyid|googleaccessid",
    r"key-pair-id",
    r"x-(?:amz|goog|ms|oss|cos|bce|obs)-(?!date\b|expires\b|version\b|request-id\b)[\w-]{1,64}",
    r"(?:proxy-)?authorization",
    r"(?:set-)?cookie",
    r"j?session[-_.]?id",
)
"""Names that mean a secret wherever they stand."""
_IN_ADDRESSES = (
    "auth",
    "code",
    "hash",
    "key",
    "pass",
    "policy",
    "session",
    "sign",
    "ticket",
    "user",
)
"""Names that mean one in an address, and anything elsewhere."""
_NAME = rf"(?:{'|'.join(_NAMES)})"
_SECRET = re.compile(_NAME, re.IGNORECASE)
_EQUALS = (
    r"""(?:["']?\s*[=:]\s*["']?|(?:%25)*%(?:3d|3a)|\\u003[da]|&\#(?:61|58|x3d|x3a);|&equals;)"""
)
_VALUE = r"""[^\s"'<>&;,)}\]\\]"""
WORDS_OF_MESSAGES = (
    *("a", "an", "the", "it", "its", "this", "that", "there", "where", "by", "for", "only", "too"),
    *("is", "are", "was", "were", "has", "have", "had", "does", "do", "did", "can", "could"),
    *("must", "may", "should", "cannot", "unable", "no", "not", "none", "nothing", "neither"),
    *("failed", "failure", "error", "permission", "access", "operation", "connection", "file"),
    *("invalid", "unexpected", "unknown", "unsupported", "missing", "malformed", "corrupt"),
    *("bad", "wrong", "expired", "denied", "refused", "timed", "stale", "broken", "http"),
)
_MESSAGE = rf"""(?<!passphrase:\s)(?<=:\s)(?:{"|".join(WORDS_OF_MESSAGES)})\x20[a-z0-9(]"""
"""What follows `/etc/passwd: ` or `signature: ` in a message: a known word, then another.

A path and a colon look like a secret's name and its value, so only words of this list are let
through, whole and with more after them: whatever is left in a text, it is no other word than these.
A passphrase may begin with one.
"""
_RULES = (
    # An address keeps no query: SAS tokens live there. Nor a part that reads like one further on.
    (re.compile(r"""((?:https?|s3|gs|az|abfss?|ftp|file|wss?)://[^\s?\#;"'<>\\]*)[?\#;](?!<redacted>)"""
                r"""[^\s"'<>]+""", re.IGNORECASE), r"\1?<redacted>"),
    # A name or password before the host.
    (re.compile(r"""((?::|(?<![\w/:]))//)(?!<redacted>)[^\s/?\#"'<>@]+@"""), r"\1<redacted>@"),
    # A name with a query, as GDAL has it once it dropped the host.
    (re.compile(r"""\?(?!<redacted>)[\w.~%+;&-]{0,200}=[^\s"'<>]+"""), "?<redacted>"),
    (re.compile(r"""([?&;\#](?:amp;)?(?:"""
                rf"""{"|".join(_IN_ADDRESSES)})=)(?!<redacted>)[^\s"'<>&;]+""", re.IGNORECASE),
     r"\1<redacted>"),
    (re.compile(r"\b(Bearer|SharedKey|SharedKeyLite)(\s+|%20|\+)(?!<redacted>)\S+", re.IGNORECASE),
     r"\1 <redacted>"),
    (re.compile(r"\b(authorization\W{1,4})(Basic|Digest|Negotiate)(\s+|%20|\+)(?!<redacted>)\S+",
                re.IGNORECASE), r"\1\2 <redacted>"),
    (re.compile(r"\b(Basic|Negotiate) [A-Za-z0-9+/]{16,}=*", re.IGNORECASE), r"\1 <redacted>"),
    # A secret that stands apart from its address, as in a bare SAS, a header or a JSON object.
    (re.compile(rf"(?<![\w.-])({_NAME})({_EQUALS})(?!\s*<redacted>|(?:Bearer|SharedKey\w*|Basic|"
                rf"Digest|Negotiate)\b|{_MESSAGE}){_VALUE}+", re.IGNORECASE),
     r"\1\2<redacted>"),
    # A JSON web token by its looks: two or three parts in base64 that begin with `{"`.
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"), "<redacted>"),
)  # fmt: skip
_ESCAPE = re.compile(r"[\\%]u00([0-9a-fA-F]{2})|\\x([0-9a-fA-F]{2})|\\/")
_ESCAPES = ("%", "&", "\\u00", "\\x", "\\/")
_WORD = re.compile(r"[^\s\"'<>]*[%&\\][^\s\"'<>]*")
_BREAKS = re.compile(r"[\t\r\n]")
_BARE = re.compile(r"[\w.-]+=\S*")
_WEAK = re.compile(rf"(?<![\w.-])(?:{'|'.join(_IN_ADDRESSES)})=", re.IGNORECASE)
_MARKS = "?#@=%&\\"
"""A text without one of these has no query, no user and no escape."""
_WORDS_OF_SECRETS = (
    *("token", "secret", "passw", "passphrase", "pwd", "sig", "credential", "sas", "jwt", "hmac"),
    *("key", "accessid", "x-", "authorization", "cookie", "session", "bearer", "sharedkey"),
    *("basic ", "negotiate ", "eyj"),
)
"""A text with none of these names no secret either (`_NAMES`)."""


def redact(text: str) -> str:
    """The text without queries of addresses, signatures, keys, passwords and tokens.

    A word that holds one behind escapes (of addresses, HTML or JSON, one within another) goes as a
    whole; any other stays as it was written.
    """
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    if any(mark in text for mark in _ESCAPES):
        return _WORD.sub(lambda found: "<redacted>" if _hides(found[0]) else found[0], text)
    return text


def cleaned(text: str) -> str:
    """A value of a catalogue redacted; nothing is left of one that hides a secret as a whole."""
    if not may_hide(text):
        return text
    if " " not in text and (flat := _BREAKS.sub("", text)) != text:  # readers pass over breaks
        return text if cleaned(flat) == flat else "<redacted>"
    bare = _BARE.fullmatch(text) is not None and _WEAK.search(text) is not None
    clean = redact(text)
    return "<redacted>" if bare or _hides(clean) else clean


def may_hide(text: str) -> bool:
    """Tells fast whether a text could hold a secret at all: most texts of an item cannot."""
    if any(mark in text for mark in _MARKS):
        return True
    low = text.lower()
    return any(word in low for word in _WORDS_OF_SECRETS)


def _hides(text: str) -> bool:
    """Whether there is something to redact once escapes are undone, as far as there are any."""
    for _ in range(6):
        undone = _ESCAPE.sub(_character, html.unescape(unquote(text)))
        if undone == text:
            return False
        text = undone
        for pattern, replacement in _RULES:
            if pattern.sub(replacement, text) != text:
                return True
    return True  # nobody escapes a text so often but to hide it


def names_secret(name: str, *, in_address: bool = True) -> bool:
    """Tells whether a key's value is a secret, by the key's name.

    Args:
        name: of a query's key, a header or a JSON member.
        in_address: whether it stands in an address, where `code` and `key` are secrets as well.
    """
    bare = name.rpartition(":")[2].strip()
    if in_address and bare.lower().removeprefix("amp;") in _IN_ADDRESSES:
        return True
    return _SECRET.fullmatch(bare.removeprefix("amp;")) is not None


def address(href: str) -> str:
    """An address or path as messages show it: without user, query and fragment."""
    bare = href.split("?", 1)[0].split("#", 1)[0]
    return re.sub(r"(?<=://)[^/@]+@", "", bare)


def _character(found: re.Match[str]) -> str:
    digits = found.group(1) or found.group(2)
    return chr(int(digits, 16)) if digits else "/"
