"""The recipe's `output.collection`: what the product's STAC collection says of itself.

Terms and rules are those of STAC 1.1.0:
https://github.com/radiantearth/stac-spec/blob/v1.1.0/collection-spec/collection-spec.md. Pixels do
not depend on it, so neither do ids of tasks and runs.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from pydantic import AfterValidator, BeforeValidator, Field

from scenefleet.inputs import cut
from scenefleet.recipe.part import Part

_NOT_SPDX = ("other", "proprietary", "various")
"""Values that STAC takes beside SPDX; of these 1.1.0 recommends `other` alone."""
_LONGEST = 300
"""Characters of an expression: the longest that makes sense has a few licences."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff]")


def _plain(value: str) -> str:
    """The text without space around it.

    Raises:
        ValueError: if nothing is left, or it holds control characters.
    """
    text = value.strip()
    if not text:
        raise ValueError("it is empty: write a text, or leave the key out")
    if _CONTROL.search(text):
        raise ValueError("it holds control characters: write plain text")
    return text


def _line(value: str) -> str:
    if "\n" in value.strip() or "\r" in value.strip():
        raise ValueError("it has several lines: write one; `description` may have more")
    return value


def _license(value: object) -> str:
    """The licence in SPDX's own spelling: `cc-by-4.0` is `CC-BY-4.0`."""
    text = value.strip() if isinstance(value, str) else ""
    if text.lower() in _NOT_SPDX:
        return text.lower()
    if spelt := _spdx(text):
        return spelt
    joined = "-".join(text.split())
    meant = next(filter(None, map(_spdx, (joined, f"{joined}.0"))), None)
    raise ValueError(
        f"{cut(repr(value))} was given"
        + (f"; did you mean {meant}? Write" if meant else ": write")
        + " an identifier or expression of SPDX, such as CC-BY-4.0, CC0-1.0 or ODbL-1.0 "
        "(https://spdx.org/licenses), or `other`, and its text as `license_url`"
    )


def _spdx(text: str) -> str | None:
    if len(text) > _LONGEST:
        return None
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return None


def _address(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@\\\"'<>]+(?:[/?#][^\s\"'<>\\]*)?", value):
        raise ValueError(
            f"{cut(repr(value))} was given: write an address that begins with https:// or http://, "
            "without spaces, user or password"
        )
    return value


Text = Annotated[str, AfterValidator(_plain), Field(max_length=10_000)]
Line = Annotated[str, AfterValidator(_line), AfterValidator(_plain), Field(max_length=300)]
Address = Annotated[str, AfterValidator(_address), Field(max_length=2000)]


class ProviderPart(Part):
    """A person or organisation behind the product."""

    name: Line
    url: Address | None = None
    """Their home page."""
    description: Text | None = None
    roles: tuple[Literal["licensor", "producer", "processor", "host"], ...] = ("processor",)
    """What they did: licensor, producer, processor, host."""


class PublishedPart(Part):
    """What the product's STAC collection says of itself."""

    title: Line | None = None
    """For people; default: the recipe's name."""
    description: Text | None = None
    """CommonMark; default: how many scenes there are, and what each has."""
    license: Annotated[str, BeforeValidator(_license)] = "other"
    """An SPDX identifier or expression, or `other`."""
    license_url: Address | None = None
    """The licence's text; wanted where `license` is `other`."""
    providers: Annotated[tuple[ProviderPart, ...], Field(max_length=50)] = ()
    """Who stands behind the product; who made the imagery is added by itself."""
    keywords: Annotated[tuple[Line, ...], Field(max_length=100)] = ()
