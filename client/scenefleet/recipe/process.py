"""The recipe's `process`: what is computed of each scene, what is masked, on which grid."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from scenefleet.recipe.constants import checked
from scenefleet.recipe.crs import unit_of
from scenefleet.recipe.indices import IndexWish, find_index
from scenefleet.recipe.part import Part, near, refuse
from scenefleet.recipe.script import ScriptFile
from scenefleet_task import formula

_OUTPUT = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}", re.ASCII)
_SHOWN = 120
"""Characters of a formula that a message repeats."""
_WKT2 = re.compile(
    r"(PROJCRS|GEOGCRS|GEODCRS|GEOGRAPHICCRS|GEODETICCRS|PROJECTEDCRS|DERIVEDPROJCRS|BOUNDCRS"
    r"|COMPOUNDCRS)\s*\[.*\]",
    re.DOTALL,
)


class MaskKind(StrEnum):
    """What a recipe may mask by name."""

    CLOUDS = "clouds"
    SHADOWS = "shadows"
    SNOW = "snow"
    WATER = "water"


def _kinds(value: object) -> tuple[MaskKind, ...]:
    names = _listed(value)
    if names == ["none"]:
        return ()
    allowed = [str(kind) for kind in MaskKind]
    for name in names:
        if name not in allowed:
            raise ValueError(
                f"{name!r} is no mask{near(str(name), allowed)} allowed are none by itself, or one "
                f"or a list of {', '.join(allowed)} and of numbers of classes or bits"
            )
    return tuple(sorted({MaskKind(name) for name in names}))


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]  # pyright: ignore[reportUnknownArgumentType]


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class Masking(Part):
    """What makes a pixel invalid beside missing data."""

    kinds: Annotated[
        tuple[MaskKind, ...],
        BeforeValidator(
            _kinds, json_schema_input_type=Literal["none"] | MaskKind | tuple[MaskKind, ...]
        ),
    ] = (MaskKind.CLOUDS, MaskKind.SHADOWS)
    """Once read, always a sorted tuple."""
    classes: Annotated[
        tuple[Annotated[int, Field(ge=0, le=65_535)], ...],
        AfterValidator(lambda value: tuple(sorted(set(value)))),
    ] = ()
    """Numbers of the mask raster's classes (Sentinel-2's SCL) or bits (Landsat's QA_PIXEL)."""
    dilate: Annotated[float, Field(ge=0, le=10_000)] = 0
    """Metres by which what is masked grows."""

    @model_validator(mode="after")
    def _grows_something(self) -> Self:
        if self.dilate and not self.kinds and not self.classes:
            text = "`dilate` grows what is masked, and `kinds: none` masks nothing"
            refuse([(("dilate",), text)])
        return self


def _masking(value: object) -> object:
    """`clouds`, `none` or a list of kinds and numbers, as a mapping."""
    if value is None or isinstance(value, dict | Masking):
        return cast("object", value)
    items = _listed(value)
    numbers = [item for item in items if _is_number(item)]
    names = [item for item in items if not _is_number(item)]
    if numbers and "none" in names:
        raise ValueError("`none` stands by itself; leave it out to mask by numbers alone")
    return {"kinds": _kinds(names), "classes": numbers}


class GridPart(Part):
    """A grid that the outputs of all scenes share. Pixel edges lie at `align + n x resolution`."""

    crs: str
    """`EPSG:` and a number, or WKT2, of a CRS that PROJ knows; projected or geographic."""
    resolution: Annotated[float, Field(gt=0), AllowInfNan(allow_inf_nan=False)]
    """Size of a pixel, square, in units of the CRS."""
    align: tuple[
        Annotated[float, AllowInfNan(allow_inf_nan=False)],
        Annotated[float, AllowInfNan(allow_inf_nan=False)],
    ] = (0, 0)
    """x, y in units of the CRS."""
    resampling: Literal["nearest", "bilinear", "cubic", "average"] = "bilinear"
    """For bands; masks are always taken from the nearest pixel."""

    @model_validator(mode="after")
    def _metres_are_no_degrees(self) -> Self:
        if unit_of(self.crs).geographic and self.resolution >= 1:
            text = (
                f"resolution {self.resolution:g} is in degrees, the unit of {self.crs[:60]}; "
                f"{self.resolution:g} m are about {self.resolution / 111_000:.2g}"
            )
            refuse([(("resolution",), text)])
        return self

    @field_validator("crs", mode="before")
    @classmethod
    def _crs(cls, value: object) -> object:
        text = str(value).strip()
        if re.fullmatch(r"EPSG:\d{1,6}", text, re.IGNORECASE | re.ASCII):
            unit_of(text.upper())
            return text.upper()
        if _WKT2.fullmatch(text):
            unit_of(text)
            return text
        code = f"EPSG:{text}" if text.isdigit() else "EPSG:3035"
        raise ValueError(
            f"{text[:60]!r} is no CRS that can be read; write an EPSG code such as {code}, or "
            "WKT2, which `gdalsrsinfo -o wkt2` gives of any other form"
        )


def _wish(value: object) -> IndexWish:
    """An entry of `indices`: a published name, or `{name: formula}`."""
    if isinstance(value, IndexWish):
        return value
    if isinstance(value, str):
        find_index(value)
        return IndexWish(value)
    if not isinstance(value, dict):
        # TRY004 below: of a TypeError pydantic would make a crash, not a problem of the recipe
        raise ValueError(f"{value!r} is neither an index's name nor {{name: formula}}")  # noqa: TRY004
    return _own(cast("dict[object, object]", value))


def _own(value: dict[object, object]) -> IndexWish:
    if len(value) != 1:
        raise ValueError(
            f"an own index is one pair {{name: formula}}, and this has {len(value)}: begin each "
            "with a hyphen of its own, and put a formula that holds commas into quotes"
        )
    ((name, text),) = value.items()
    if not isinstance(name, str) or not _OUTPUT.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot name an output: a letter, then letters, digits, hyphens and "
            "underscores, at most 40"
        )
    if not isinstance(text, str):
        # TRY004 below: as above
        raise ValueError(f"{name}: {text!r} is no formula over bands, as (nir - red) / (nir + red)")  # noqa: TRY004
    try:
        formula.parse(text.strip())
    except formula.FormulaError as error:
        shown = text.strip() if len(text) <= _SHOWN else f"{text.strip()[:_SHOWN]}..."
        raise ValueError(f"{name}: {shown}: {error}") from None
    return IndexWish(name, text.strip())


def _plain(wish: IndexWish) -> str | dict[str, str]:
    return wish.name if wish.formula is None else {wish.name: wish.formula}


Wish = Annotated[
    IndexWish,
    PlainValidator(_wish),
    PlainSerializer(_plain),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                    "minProperties": 1,
                    "maxProperties": 1,
                },
            ]
        }
    ),
]
Value = Annotated[float, AllowInfNan(allow_inf_nan=False)]


class Process(Part):
    """What is computed of each scene."""

    each: Literal["scene"] = "scene"
    indices: Annotated[
        tuple[Wish, ...], AfterValidator(lambda value: tuple(dict.fromkeys(value)))
    ] = (IndexWish("ndvi"),)
    """Names of Awesome Spectral Indices, or own formulas `{name: formula}`; each is an output."""
    bands: Annotated[
        tuple[str, ...], AfterValidator(lambda value: tuple(dict.fromkeys(value)))
    ] = ()
    """Bands by common name, as outputs of their own: reflectance, or kelvin."""
    constants: Annotated[
        dict[str, Value | dict[str, Value]],
        BeforeValidator(checked, json_schema_input_type=dict[str, float | dict[str, float]]),
    ] = Field(default={})
    """Numbers in place of an index's defaults, and for own formulas: `{SAVI: {L: 0.5}}`, or
    `{L: 0.5}` where one index has such a constant."""
    script: ScriptFile | None = None
    """A Python file (relative to the recipe) that makes the outputs, in place of the above; once
    read, its text."""
    mask: Annotated[
        Masking,
        BeforeValidator(
            _masking,
            json_schema_input_type=Literal["none"]
            | MaskKind
            | int
            | tuple[MaskKind | int, ...]
            | Masking,
        ),
    ] = Masking()
    """What makes a pixel invalid beside missing data; once read, always a `Masking`."""
    radiometry: Literal["trust", "check", "refuse"] = "check"
    """Where metadata leave open what the numbers mean: trust it, check it by the pixels, or refuse
    such scenes."""
    negative: Literal["keep", "clip", "mask"] = "keep"
    """What becomes of reflectance at or below zero: computed with as it is, taken as 0, or the
    pixel is invalid."""
    clip: bool = False
    """Keep only the search's area: the raster shrinks to it and what lies outside is invalid."""
    grid: GridPart | None = None
    """The outputs' grid; None keeps each scene's own."""

    @model_validator(mode="before")
    @classmethod
    def _only_what_is_named(cls, value: object) -> object:
        """`ndvi` is the default of a recipe that names nothing else to compute."""
        if not isinstance(value, dict) or "indices" in value:
            return cast("object", value)
        given = cast("dict[str, object]", value)
        named = given.get("bands") or given.get("script")
        return {**given, "indices": ()} if named else given
