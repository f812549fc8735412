"""The recipe's `collections`: bands and masks of archives that scenefleet does not know."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BeforeValidator,
    Field,
    model_validator,
)

from scenefleet.recipe.part import Part, refuse
from scenefleet_task.formula import FUNCTIONS

MaskReason = Literal["nodata", "saturated", "cloud", "shadow", "snow", "water", "class"]
"""Why a pixel is taken out, as the `reason` raster tells it (see `spec.Reason`)."""

_BAND = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)


def _band_name(value: str) -> str:
    if not _BAND.fullmatch(value):
        raise ValueError(
            f"{value!r} is no name of a band: a letter, then letters, digits and underscores, at "
            "most 40, so that formulas can use it"
        )
    if value in FUNCTIONS:
        raise ValueError(f"{value!r} is a function of formulas; give the band another name")
    return value


Finite = Annotated[float, AllowInfNan(allow_inf_nan=False)]


def _band_in_file(value: object) -> object:
    """A number in quotes is a number; a name is told without blanks around it."""
    if isinstance(value, str):
        text = value.strip()
        return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else text
    return value


BandInFile = Annotated[
    Annotated[int, Field(ge=1, le=65_536)] | Annotated[str, Field(min_length=1, max_length=200)],
    BeforeValidator(_band_in_file, json_schema_input_type=int | str),
]
"""A band of a file: its number, from 1, or its name in the item's list or the file's header."""


class BandPart(Part):
    """Where a band is and what its numbers mean: its value = digital number x scale + offset."""

    asset: Annotated[str, Field(min_length=1)]
    """The asset's key in the items."""
    band: BandInFile | None = None
    """Which of the file's bands; None takes the one that the item lists by this band's name, or the
    only one that the file has."""
    scale: Finite | None = None
    """None takes what the item says, or the file's header, or 1."""
    offset: Finite | None = None
    """None takes what the item says, or the file's header, or 0."""
    nodata: Finite | None = None
    """Digital number that means no data, beside what the file's header says; None takes what the
    item says where the header says nothing."""
    unit: Literal["reflectance", "kelvin"] = "reflectance"
    """Of the value."""

    @model_validator(mode="after")
    def _scaled(self) -> Self:
        if self.scale == 0:
            refuse([(("scale",), "`scale` is 0, which makes every pixel the same")])
        return self


def _band(value: object) -> object:
    return {"asset": value} if isinstance(value, str) else value


class MaskPart(Part):
    """A raster of classes or of bits that tells which pixels to take out, and why."""

    asset: Annotated[str, Field(min_length=1)]
    """The asset's key in the items."""
    band: BandInFile | None = None
    """Which of the file's bands; None takes the only one that it has."""
    classes: dict[Annotated[int, Field(ge=0, le=65_535)], MaskReason] = Field(default={})
    """Class of the raster and the reason it stands for."""
    bits: dict[Annotated[int, Field(ge=0, le=15)], MaskReason] = Field(default={})
    """Bit of the raster, the lowest is 0, and the reason it stands for where it is set."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.classes) == bool(self.bits):
            raise ValueError(
                "give either `classes: {1: cloud}` or `bits: {3: cloud}`: what in the raster "
                "makes a pixel invalid"
            )
        return self


class CollectionPart(Part):
    """What is in one collection's items."""

    bands: Annotated[
        dict[
            Annotated[str, AfterValidator(_band_name)],
            Annotated[BandPart, BeforeValidator(_band, json_schema_input_type=str | BandPart)],
        ],
        Field(min_length=1),
    ]
    """Bands by the name that formulas use, best a STAC common name; the value may be just the
    asset's key."""
    masks: tuple[MaskPart, ...] = ()
    """What `process.mask` finds its reasons in."""
