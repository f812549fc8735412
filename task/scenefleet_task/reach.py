"""Which addresses a task may read from: one rule, when planning and again on the node.

A catalogue is a stranger: it may name any address, and whatever a task reads from it could end in
an output. So what a document may reach follows from where its items came from, not from what they
say. Standard library only.

Source of the ranges: IANA's special-purpose address registries (RFC 6890), as `ipaddress` has them;
Azure's host address is 168.63.129.16 (Microsoft, "What is IP address 168.63.129.16?").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Literal
from urllib.parse import urlsplit

Origin = Literal["public", "private", "loopback", "file"]
Address = IPv4Address | IPv6Address

_AZURE_HOST = IPv4Address("168.63.129.16")
_SHARED = (IPv4Address("100.64.0.0"), IPv4Address("100.127.255.255"))
"""Carrier-grade NAT (RFC 6598): neither private nor global to `ipaddress`."""
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?\.?", re.ASCII)
_NUMBERS = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){0,3}\.?", re.IGNORECASE)
"""What `inet_aton` takes for an address: `2130706433`, `0x7f.1`, `0177.0.0.1`."""
_SYSTEM = ("/dev", "/proc", "/sys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where a document's sources may lie."""

    origin: Origin
    """Where its items came from: a catalogue on a public, private or loopback address, or files."""
    hosts: tuple[str, ...] = ()
    """Hosts, in lower case, that may have a private or loopback address all the same: those of
    `search.allow_private`, and the store's own."""


def href_problem(href: str, reach: Reach) -> str | None:
    """Says why an address or path may not be read, as far as its text tells; None where it may.

    A name is not resolved here: `address_problem` judges what it resolves to.
    """
    if not href or not href.isprintable() or href != href.strip():
        return "it is empty, or holds blanks at its ends or characters that cannot be printed"
    web = href.lower().startswith(("http://", "https://"))
    return _url_problem(href, reach) if web else _path_problem(href, reach)


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
    named = _bare(host) in reach.hosts
    for one in _meant(given):
        if one.is_link_local or one == _AZURE_HOST:
            return f"{one} is an address of the machine's own network services, never a source's"
        if one.is_loopback:
            if not named and reach.origin not in ("loopback", "file"):
                return f"{one} is this machine itself; only a catalogue on it may name it"
        elif one.is_unspecified or one.is_multicast or _is_reserved(one):
            return f"{one} is no address of a host"
        elif is_private(one) and not named and reach.origin == "public":
            return (
                f"{one} is a private address, and the catalogue is a public one; if the host is "
                f"yours, write `allow_private: [{_bare(host)}]` under `search`"
            )
    return None


def origin_of(address: str) -> Origin:
    """Where a catalogue lies whose host has this IP address."""
    meant = _meant(ip_address(address.partition("%")[0]))
    if any(one.is_loopback for one in meant):
        return "loopback"
    return "private" if any(is_private(one) or one.is_link_local for one in meant) else "public"


def is_private(address: Address) -> bool:
    """Whether an address belongs to a network that the public one does not reach."""
    if isinstance(address, IPv4Address) and _SHARED[0] <= address <= _SHARED[1]:
        return True
    return not address.is_global and not address.is_loopback


def _path_problem(href: str, reach: Reach) -> str | None:
    if not href.startswith("/"):
        return "it is neither an http(s):// address nor an absolute path of a file"
    if href.startswith("//") or href.lower().startswith("/vsi"):
        return "GDAL's virtual file systems (/vsi...) are not read; give the file's own address"
    if any(href == folder or href.startswith(f"{folder}/") for folder in _SYSTEM):
        return "it lies in a folder of the operating system that holds no imagery"
    if reach.origin != "file":
        return "a path of this machine in what came from a catalogue on the web is not read"
    return None


def _url_problem(href: str, reach: Reach) -> str | None:
    if "\\" in href or re.search(r"\s", href):
        return "it holds a backslash or a blank"
    try:
        parts = urlsplit(href)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        return f"it is no address ({error})"
    if "@" in parts.netloc:
        return "it holds a user name or a password"
    return _host_problem(host, reach)


def _host_problem(host: str, reach: Reach) -> str | None:
    if literal := _literal(host):
        return address_problem(host, str(literal), reach)
    if ":" in host or _NUMBERS.fullmatch(host) or not _HOST.fullmatch(host):
        return f"{host!r} is no host's name, nor an IP address in its usual form"
    if _bare(host) == "localhost" or _bare(host).endswith(".localhost"):
        return address_problem(host, "127.0.0.1", reach)
    return None


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _bare(host: str) -> str:
    return host.lower().rstrip(".")


def _meant(address: Address) -> list[Address]:
    """The address, and every IPv4 address that it stands for."""
    found: list[Address] = [address]
    if isinstance(address, IPv6Address):
        inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if any(address in network for network in _NAT64):
            inside.append(IPv4Address(int(address) & 0xFFFFFFFF))
        if int(address) >> 32 == 0 and int(address) > 1:  # ::a.b.c.d, long out of use
            inside.append(IPv4Address(int(address)))
        found += [one for one in inside if one is not None]
    return found


def _is_reserved(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        # IPv4-mapped addresses are "reserved"; what they stand for is judged by itself
        embeds = len(_meant(address)) > 1
        return address.is_reserved and not embeds
    return address.is_reserved or int(address) >> 24 == 0
