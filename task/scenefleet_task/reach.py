"""Which addresses a task may read from: one rule, when planning and again on the node.

A catalogue is a stranger: it may name any address, and whatever a task reads from it could end in
an output. So what a document may reach follows from where its items came from, not from what they
say. Standard library only.

Source of the ranges: IANA's special-purpose address registries (RFC 6890), as `ipaddress` has them;
IPv4 addresses inside IPv6 ones by RFC 4291, 6052, 3056, 4380, 5214 and 7915; which host names stand
for an IPv4 address by the WHATWG's URL standard and `inet_aton`. Azure's host address is
168.63.129.16 (Microsoft, "What is IP address 168.63.129.16?").
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Literal
from urllib.parse import unquote, urlsplit

Origin = Literal["public", "private", "loopback", "file"]
Address = IPv4Address | IPv6Address

_TRUST: tuple[Origin, ...] = ("public", "private", "loopback", "file")
"""From who may name the least to who may name the most."""
_SERVICES = frozenset(
    map(
        ip_address,
        (
            "168.63.129.16",  # Azure's host: DNS, health, and what an extension may ask for
            "100.100.100.200",  # metadata of Alibaba Cloud,
            "192.0.0.192",  # of Oracle Cloud,
            "fd00:ec2::254",  # of AWS over IPv6,
            "fd20:ce::254",  # and of Google Cloud over IPv6
        ),
    )
)
"""Addresses beside the link-local ones where a cloud hands out a machine's credentials."""
_SERVICE_NAMES = (
    "instance-data",
    "instance-data.ec2.internal",
    "metadata",
    "metadata.azure.com",
    "metadata.azure.internal",
    "metadata.goog",
    "metadata.google.internal",
)
_LOCAL_NAMES = (
    "ip6-localhost",
    "ip6-loopback",
    "localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost6",
)
_SHARED = (IPv4Address("100.64.0.0"), IPv4Address("100.127.255.255"))
"""Carrier-grade NAT (RFC 6598): neither private nor global to `ipaddress`."""
_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_LOW = 0xFFFFFFFF
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?\.?", re.ASCII)
_NUMBER = re.compile(r"(?:.*\.)?(?:0x[0-9a-f]*|[0-9]+)\.?", re.IGNORECASE | re.ASCII)
"""A name whose last label is a number is an IPv4 address to some reader: `2130706433`, `0x7f.1`,
`0177.0.0.1`, `1.2.3.4.5`."""
_WEB = re.compile(r"https?://", re.IGNORECASE)
_VIRTUAL = re.compile(
    r"^/vsi|/vsi(?:7z|adls|az|cached|crypt|curl|gs|gzip|hdfs|kerchunk|mem|oss|rar|s3|sparse|stdin|"
    r"stdout|subfile|swift|tar|webhdfs|zip)(?:_[a-z_]+)?(?:[/?]|$)",
    re.IGNORECASE,
)
_BY_ADDRESS = re.compile(r"[?&;]url=", re.IGNORECASE)
_SYSTEM = ("/dev", "/proc", "/sys")
_LONGEST = 8192
"""Characters of an address; servers and GDAL refuse longer ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The places where a document's sources may lie."""

    origin: Origin
    """Where its items came from: a catalogue on a public, private or loopback address, or files."""
    hosts: tuple[str, ...] = ()
    """Hosts, in lower case, that may have a private address although the catalogue is public: those
    of `search.allow_private`, and the store's own."""


def least_trusted(*origins: Origin) -> Origin:
    """The origin that may name the least: what came by several hands is as good as the worst."""
    return min(origins, key=_TRUST.index)


def known_origin(value: object) -> Origin:
    """The origin that a value names; the least trusted one where it names none."""
    for one in _TRUST:
        if one == value:
            return one
    return "public"


def href_problem(href: str, reach: Reach) -> str | None:
    """Says why an address or path may not be read, as far as its text tells; None where it may.

    A name is not resolved here: `address_problem` judges what it resolves to. Nor is a path looked
    at: `file_problem` does that.
    """
    if not href or not href.isprintable() or href != href.strip():
        # such a text is not repeated
        return "it is empty, or holds blanks at its ends or characters that cannot be printed"
    if len(href) > _LONGEST:
        return f"it has {len(href)} characters; at most {_LONGEST} are read"
    if any(mark in href for mark in '<>"\\'):
        return 'it holds one of < > " \\, which no address needs'
    decoded = _decoded(href)
    if _VIRTUAL.search(decoded):
        return "GDAL's virtual file systems (/vsi...) are not read; give the file's own address"
    if _BY_ADDRESS.search(decoded):
        return "it hands an address on to another program (`url=`); give the file's own address"
    return _url_problem(href, reach) if _WEB.match(href) else _path_problem(href, reach)


def address_problem(host: str, address: str, reach: Reach) -> str | None:
    """Says why a host's resolved address may not be connected to; None where it may.

    Args:
        host: as the URL names it.
        address: an IP address in its usual form, a zone (`%eth0`) included.
        reach: of the document.
    """
    try:
        given = ip_address(address.partition("%")[0])
    except ValueError:
        return f"{address!r} is no IP address"
    named = bare_host(host) in reach.hosts
    for one in _meant(given):
        if one.is_link_local or one in _SERVICES:
            return f"{one} is an address of the machine's own network services, never a source's"
        if one.is_loopback:
            if reach.origin not in ("loopback", "file"):
                return f"{one} is this machine itself; only a catalogue on it may name it"
        elif one.is_unspecified or one.is_multicast or _is_reserved(one):
            return f"{one} is no address of a host"
        elif is_private(one) and not named and reach.origin == "public":
            return (
                f"{one} is a private address, and the catalogue is a public one; if the host is "
                f"yours, write `allow_private: [{bare_host(host)}]` under `search`"
            )
    return None


def file_problem(path: str) -> str | None:
    """Says why what lies at a path of this machine may not be read; None where it may.

    It may be a regular file, whose links end outside the operating system's own folders. A path
    where nothing lies is no problem of this rule: reading it says so.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - no `Path` for each of many thousand
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(mode):
        return f"it is {_kind(mode)}, not a regular file"
    if _in_system(os.path.realpath(path)):
        return "it leads to a folder of the operating system that holds no imagery"
    return None


def origin_of(address: str) -> Origin:
    """The origin that a catalogue has whose host has this IP address."""
    given = ip_address(address.partition("%")[0])
    one = (given.ipv4_mapped if isinstance(given, IPv6Address) else None) or given
    if one.is_loopback:
        return "loopback"
    return "private" if is_private(one) or one.is_link_local else "public"


@lru_cache(maxsize=4096)
def is_private(address: Address) -> bool:
    """Tells whether an address belongs to a network that the public one does not reach."""
    if isinstance(address, IPv4Address) and _SHARED[0] <= address <= _SHARED[1]:
        return True
    if isinstance(address, IPv6Address) and address.is_site_local:  # fec0::/10, RFC 3879
        return True
    return not address.is_global and not address.is_loopback


def bare_host(host: str) -> str:
    """A host's name as `Reach.hosts` has it: in lower case, without the dot that may end it."""
    return host.lower().rstrip(".")


def is_local_name(host: str) -> bool:
    """Tells whether a host's name or literal address means the machine that reads it."""
    name = bare_host(host)
    if name in _LOCAL_NAMES or name.endswith((".localhost", ".localhost.localdomain")):
        return True
    literal = _literal(name)
    return literal is not None and any(
        one.is_loopback or one.is_unspecified for one in _meant(literal)
    )


def _path_problem(href: str, reach: Reach) -> str | None:
    if href.lower().startswith("file:") or (href.startswith("/") and reach.origin != "file"):
        return "a path of this machine in what came from a catalogue on the web is not read"
    if not href.startswith("/"):
        return "it is neither an http(s):// address nor an absolute path of a file"
    if href.startswith("//"):
        return "it begins with two slashes, so it is neither an address nor a path of a file"
    if _in_system(href) or _in_system(posixpath.normpath(href)):
        return "it lies in a folder of the operating system that holds no imagery"
    return None


def _in_system(path: str) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in _SYSTEM)


def _kind(mode: int) -> str:
    kinds = {
        stat.S_ISDIR: "a folder",
        stat.S_ISFIFO: "a named pipe",
        stat.S_ISCHR: "a device",
        stat.S_ISBLK: "a device",
        stat.S_ISSOCK: "a socket",
    }
    return next((word for test, word in kinds.items() if test(mode)), "something else")


def _url_problem(href: str, reach: Reach) -> str | None:
    if any(letter.isspace() for letter in href):
        return "it holds a blank"
    try:
        parts = urlsplit(href)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        return f"it is no address ({str(error)[:200]})"
    if "@" in parts.netloc:
        return "it holds a user name or a password"
    if parts.fragment or href.endswith("#"):
        return "it holds a fragment (what follows #), which no server gets"
    if port == 0:
        return "its port is 0"
    return _host_problem(host, reach)


def _host_problem(host: str, reach: Reach) -> str | None:
    if not host:
        return "it names no host"
    if (literal := _literal(host)) is not None:
        return address_problem(host, str(literal), reach)
    if ":" in host or _NUMBER.fullmatch(host) or not _HOST.fullmatch(host) or ".." in host:
        return (
            f"{host[:100]!r} is no host's name in ASCII letters, nor an IP address in its usual "
            "form"
        )
    if is_local_name(host):
        return address_problem(host, "127.0.0.1", reach)
    if bare_host(host) in _SERVICE_NAMES:
        return f"{bare_host(host)} is a name of the machine's own network services"
    return None


def _literal(host: str) -> Address | None:
    try:
        return None if "%" in host else ip_address(host)
    except ValueError:
        return None


def _decoded(text: str) -> str:
    """The text with its escapes undone, as far as some server might."""
    for _ in range(4):
        plain = unquote(text)
        if plain == text:
            break
        text = plain
    return text


@lru_cache(maxsize=4096)
def _meant(address: Address) -> tuple[Address, ...]:
    """The address, and every IPv4 address that it stands for."""
    if isinstance(address, IPv4Address):
        return (address,)
    number = int(address)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    inside: list[IPv4Address | None] = [address.sixtofour, *(address.teredo or ())]
    low = IPv4Address(number & _LOW)
    if address in _NAT64 or (number >> 32) & 0xFDFFFFFF == 0x5EFE:  # ISATAP
        inside.append(low)
    if number >> 32 == 0xFFFF0000:  # ::ffff:0:a.b.c.d, translated (SIIT)
        inside.append(low)
    if number >> 32 == 0 and number > 1:  # ::a.b.c.d, long out of use
        inside.append(low)
    if address in _NAT64_LOCAL:
        split = (number >> 64 & 0xFFFF) << 16 | (number >> 40 & 0xFFFF)
        inside += [low, IPv4Address(split)]
    return (address, *(one for one in inside if one is not None))


def _is_reserved(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        # such addresses are "reserved"; what they stand for is judged by itself
        embeds = len(_meant(address)) > 1
        return address.is_reserved and not embeds
    return address.is_reserved or int(address) >> 24 == 0
