"""The recipe's `search`: which scenes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Self, cast

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from scenefleet.recipe import area as areas
from scenefleet.recipe import dates
from scenefleet.recipe.part import Part, refuse
from scenefleet_task.reach import Reach, bare_host, href_problem, is_local_name
from scenefleet_task.redact import names_secret

_KEY = re.compile(r"[A-Za-z0-9_.:~-]{1,80}", re.ASCII)
_PRIVATE = Reach(origin="file")


class Search(Part):  # noqa: PLW1641 - pydantic makes the hash of frozen models
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
    keep_query: tuple[str, ...] = ()
    """Keys of the queries (`?key=value`) in addresses of rasters that name the file and hold no
    secret: such a query is kept and read with; an address with any other key is not read."""
    allow_private: tuple[str, ...] = ()
    """Names of hosts on a private network that scenes of a public catalogue may lie on, such as a
    storage account behind a private endpoint."""
    _area_notes: tuple[str, ...] = PrivateAttr(default=())
    _area_read: Any = PrivateAttr(default=None)
    """The area as it was read: a recipe that takes a search over does not read it again."""

    @field_validator("catalog")
    @classmethod
    def _plain(cls, value: str) -> str:
        if "://" in value and ("?" in value or "@" in value):
            raise ValueError(
                "an address with a query or a user may hold a token, which would be written into "
                "the run's files; give the plain address of the STAC API"
            )
        return value

    @field_validator("keep_query")
    @classmethod
    def _no_secrets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for key in value:
            if not _KEY.fullmatch(key):
                raise ValueError(f"{key!r} is no key of a query: write it without ? & = and value")
            if names_secret(key) or key.lower() == "url":
                raise ValueError(
                    f"`{key}` is a name of secrets, or of another address to read, and would be "
                    "written into the run's files; use addresses without it"
                )
        return tuple(dict.fromkeys(value))

    @field_validator("allow_private")
    @classmethod
    def _host_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            name = host.strip("[]")
            wrong = ":" in name or not name.isascii() or set("/?#@") & set(name)
            if wrong or href_problem(f"http://{host}/", _PRIVATE):
                raise ValueError(
                    f"{host!r} is no host's name; write it as in `account.blob.core.windows.net`, "
                    "without http://, port, path or *"
                )
            if is_local_name(name):
                raise ValueError(
                    f"{host!r} is this machine itself, which only a catalogue on it may name"
                )
        return tuple(dict.fromkeys(map(bare_host, value)))

    @field_validator("dates", mode="before")
    @classmethod
    def _year(cls, value: object) -> object:
        # YAML reads a year as a number
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("dates")
    @classmethod
    def _interval(cls, value: str | None) -> str | None:
        return None if value is None else dates.interval(value)

    @field_validator("area", mode="before")
    @classmethod
    def _drawn(cls, value: object) -> object:
        """Takes geometries of shapely and geopandas by the GeoJSON that they give."""
        return getattr(value, "__geo_interface__", value)

    @model_validator(mode="after")
    def _geometry(self, info: ValidationInfo) -> Self:
        if self.area is not None and self.bbox is not None:
            refuse([(("bbox",), "both `area` and `bbox` are given; keep one of them")])
        key = "area" if self.bbox is None else "bbox"
        try:
            return self._with_area(cast("dict[str, Path]", info.context or {}).get("base", Path()))
        except ValueError as error:
            refuse([((key,), str(error))])
            raise

    def _with_area(self, base: Path) -> Self:
        """The search with its area read: a geometry, whichever way it was given."""
        if self.bbox is not None:
            area = areas.Area(areas.box(self.bbox), areas.box_notes(self.bbox))
            return self._with(area, "bbox")
        if isinstance(self.area, str):
            return self._with(areas.read(areas.local(self.area, base)))
        if self.area is not None and self.area is not self._area_read:
            return self._with(areas.area_of(self.area))
        return self

    def __eq__(self, other: object) -> bool:
        """Tells whether another search asks for the same; how its area was mended is no part."""
        if not isinstance(other, Search):
            return NotImplemented
        return all(getattr(self, key) == getattr(other, key) for key in type(self).model_fields)

    @property
    def area_notes(self) -> tuple[str, ...]:
        """Notes on the area as it was given: what was mended or passed over, or looks wrong."""
        return self._area_notes

    def _with(self, area: areas.Area, key: str = "area") -> Self:
        read = self.model_copy(update={"area": area.geometry, "bbox": None})
        notes = tuple(f"`search.{key}`: {note}" for note in area.notes)
        read._area_notes = notes  # noqa: SLF001 - a copy of its own
        read._area_read = area.geometry  # noqa: SLF001 - as above
        return read
