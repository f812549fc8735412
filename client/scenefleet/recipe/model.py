"""The recipe, as typed values: units and defaults beside each key; unknown keys are errors."""

from __future__ import annotations

import difflib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from scenefleet.recipe import area as areas
from scenefleet.recipe import dates
from scenefleet.recipe.indices import INDICES

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""Lower-case letters, digits and hyphens, 40 at most: it becomes part of Batch ids and paths."""


class MaskKind(StrEnum):
    """What a recipe may mask."""

    CLOUDS = "clouds"
    SHADOWS = "shadows"
    SNOW = "snow"
    WATER = "water"


def _known_indices(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if name not in INDICES:
            near = difflib.get_close_matches(name, INDICES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{name!r} is no known index{hint} Known are {', '.join(INDICES)}")
    return tuple(dict.fromkeys(value))


def _masks(value: object) -> tuple[MaskKind, ...]:
    names: list[Any] = list(value) if isinstance(value, list | tuple) else [value]  # pyright: ignore[reportUnknownArgumentType]
    if names == ["none"]:
        return ()
    for name in names:
        if name not in list(MaskKind):
            raise ValueError(
                f"{name!r} is no mask; allowed are none by itself, or one or a list of "
                f"{', '.join(MaskKind)}"
            )
    return tuple(sorted({MaskKind(name) for name in names}))


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Search(_Part):
    """Which scenes."""

    catalog: str = "planetary-computer"
    """`planetary-computer`, `earth-search`, the URL of a STAC API, or a path of a file of items or
    a static catalogue (relative to the recipe)."""
    collections: Annotated[tuple[str, ...], Field(min_length=1)] = ("sentinel-2-l2a",)
    area: str | dict[str, Any] | None = None
    """A GeoJSON file (relative to the recipe) or GeoJSON in place, EPSG:4326; once read, always a
    polygon or multipolygon."""
    bbox: tuple[float, float, float, float] | None = None
    """west, south, east, north in degrees, in place of `area`; once read, `area` holds it."""
    dates: str | None = None
    """A day, month, year, or two with a slash between; once read, an RFC 3339 interval in UTC."""
    cloud_below: Annotated[float, Field(ge=0, le=100)] | None = None
    """Keep scenes whose `eo:cloud_cover` is below this many per cent."""
    filter: dict[str, Any] | None = None
    """A further CQL2 JSON filter, passed to the STAC API."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """At most so many scenes, the oldest first."""

    @field_validator("catalog")
    @classmethod
    def _plain(cls, value: str) -> str:
        if "://" in value and ("?" in value or "@" in value):
            raise ValueError(
                "an address with a query or a user may hold a token, which would be written into "
                "the run's files; give the plain address of the STAC API"
            )
        return value

    @field_validator("dates", mode="before")
    @classmethod
    def _year(cls, value: object) -> object:
        # YAML reads a year as a number
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("dates")
    @classmethod
    def _interval(cls, value: str | None) -> str | None:
        return None if value is None else dates.interval(value)

    @model_validator(mode="after")
    def _geometry(self, info: ValidationInfo) -> Self:
        if self.area is not None and self.bbox is not None:
            raise ValueError("both `area` and `bbox` are given; keep one of them")
        if self.bbox is not None:
            return self.model_copy(update={"area": areas.box(self.bbox), "bbox": None})
        if isinstance(self.area, str):
            context = cast("dict[str, Path]", info.context or {})
            base = context.get("base", Path())
            return self.model_copy(update={"area": areas.read(base / self.area)})
        if self.area is not None:
            return self.model_copy(update={"area": areas.unite(self.area)})
        return self


class Process(_Part):
    """What is computed of each scene."""

    each: Literal["scene"] = "scene"
    indices: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_known_indices)] = (
        "ndvi",
    )
    """Names of indices; each becomes a GeoTIFF of every scene."""
    mask: Annotated[
        tuple[MaskKind, ...],
        BeforeValidator(
            _masks, json_schema_input_type=Literal["none"] | MaskKind | tuple[MaskKind, ...]
        ),
    ] = (MaskKind.CLOUDS, MaskKind.SHADOWS)
    """What makes a pixel invalid beside missing data; once read, always a tuple."""
    clip: bool = False
    """Keep only the search's area: the raster shrinks to it and what lies outside is invalid."""


class OutputPart(_Part):
    """Where results go."""

    store: str = "./results"
    """A folder (relative to the recipe), or `az://account/container/prefix`."""

    @field_validator("store")
    @classmethod
    def _unsigned(cls, value: str) -> str:
        if "?" in value and value.startswith(("az://", "http")):
            raise ValueError(
                "an address with a query, as a SAS is, must not stand in a recipe; write "
                "az://account/container/prefix and give the credential by settings or `az login`"
            )
        if "://" in value and not value.startswith("az://"):
            raise ValueError(f"{value!r}: a store is a folder or az://account/container/prefix")
        return value


class Compute(_Part):
    """On what it is computed."""

    backend: Literal["local", "azure"] = "local"
    pool: str = "spot"
    """A pool template: `spot`, `dedicated`, or a path of a `*.pool.json`. Local runs use this
    machine instead."""
    image: str | None = None
    """The task's container image on Azure, best pinned by digest; default: the setting
    `azure.image`."""
    max_nodes: Annotated[int, Field(ge=1, le=10_000)] = 20
    """The pool grows to so many nodes at most."""
    slots: Annotated[int, Field(ge=1, le=256)] | None = None
    """Tasks at once on this machine for local runs; default: its cores."""
    retries: Annotated[int, Field(ge=0, le=10)] = 1
    """Further tries of a task that failed."""
    task_minutes: Annotated[int, Field(ge=1, le=10_080)] = 60
    """A task that runs longer is ended as failed."""
    max_hours: Annotated[float, Field(gt=0, le=160)] = 24
    """The run is ended after so many hours, and the nodes' permission to write with it."""


class Budget(_Part):
    """What it may cost. Currency is the user's own."""

    max_cost: Annotated[float, Field(ge=0)] | None = None
    """A run whose estimate is higher is refused."""
    node_price: Annotated[float, Field(gt=0)] | None = None
    """What one node costs an hour; scenefleet knows no price list, so the estimate needs it."""

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if self.max_cost is not None and self.node_price is None:
            raise ValueError(
                "`max_cost` needs `node_price`, what one node of the pool costs an hour"
            )
        return self


class Recipe(_Part):
    """What the user asks for."""

    version: Literal[1]
    name: Name
    """Names the product and its runs: lower-case letters, digits and hyphens."""
    search: Search
    process: Process = Process()
    output: OutputPart = OutputPart()
    compute: Compute = Compute()
    budget: Budget = Budget()

    @model_validator(mode="after")
    def _clips(self) -> Self:
        if self.process.clip and self.search.area is None:
            raise ValueError("`process.clip` needs `search.area` or `search.bbox` to clip to")
        return self
