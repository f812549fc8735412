"""The demo's time series: which tile was seen when, by which baseline, under which sky."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

Edge = tuple[float, float]
"""Where a swath's edge crosses the top and the bottom of a tile, as shares of its width."""

CRS = "EPSG:32631"
PIXEL = 10
"""Metres."""
NORTH = 5_770_020
WEST = 629_990
"""The upper left corner of the first tile; on Sentinel-2's 10 m grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """One overpass."""

    time: datetime
    platform: str
    orbit: int
    baseline: str
    """`s2:processing_baseline`: from 04.00 on, the offset of 1000 is in the numbers."""
    processed: datetime
    clouds: float
    """Share of the land under clouds, about; so is the next under cirrus."""
    cirrus: float
    azimuth: float
    """Of the sun, degrees clockwise from north; the next above the horizon."""
    elevation: float
    tiles: tuple[str, ...]
    swath_west: Edge | None = None
    """Left of this the first tile holds no data."""
    swath_east: Edge | None = None
    """Right of this the second tile holds no data."""

    @property
    def shifted(self) -> bool:
        """Whether the numbers carry the offset of 1000."""
        return self.baseline >= "04.00"


def _at(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


FIRST, SECOND = "31UFT", "31UGT"
BOTH = (FIRST, SECOND)

ACQUISITIONS = (
    Acquisition(
        time=_at("20210531T105031"),
        platform="Sentinel-2A",
        orbit=51,
        baseline="03.00",
        processed=_at("20210531T140212"),
        clouds=0.03,
        cirrus=0.0,
        azimuth=155.1,
        elevation=58.6,
        tiles=BOTH,
    ),
    Acquisition(
        time=_at("20210722T104629"),
        platform="Sentinel-2B",
        orbit=51,
        baseline="03.01",
        processed=_at("20210722T134107"),
        clouds=0.24,
        cirrus=0.05,
        azimuth=151.4,
        elevation=56.0,
        tiles=(FIRST,),
    ),
    # acquired long before the offset, processed again long after: the date tells nothing
    Acquisition(
        time=_at("20210905T104021"),
        platform="Sentinel-2A",
        orbit=8,
        baseline="05.00",
        processed=_at("20230118T061530"),
        clouds=0.07,
        cirrus=0.08,
        azimuth=159.8,
        elevation=43.4,
        tiles=BOTH,
        swath_east=(0.86, 0.55),
    ),
    Acquisition(
        time=_at("20211030T105141"),
        platform="Sentinel-2B",
        orbit=51,
        baseline="03.01",
        processed=_at("20211030T133026"),
        clouds=0.4,
        cirrus=0.1,
        azimuth=169.3,
        elevation=23.6,
        tiles=(FIRST,),
        swath_west=(0.34, 0.08),
    ),
    Acquisition(
        time=_at("20220209T105149"),
        platform="Sentinel-2B",
        orbit=51,
        baseline="04.00",
        processed=_at("20220209T131942"),
        clouds=0.13,
        cirrus=0.0,
        azimuth=162.9,
        elevation=21.7,
        tiles=BOTH,
    ),
    Acquisition(
        time=_at("20220325T105031"),
        platform="Sentinel-2A",
        orbit=51,
        baseline="04.00",
        processed=_at("20220325T141833"),
        clouds=0.01,
        cirrus=0.03,
        azimuth=159.6,
        elevation=38.3,
        tiles=(FIRST,),
    ),
    Acquisition(
        time=_at("20220429T104029"),
        platform="Sentinel-2B",
        orbit=8,
        baseline="04.00",
        processed=_at("20220429T132611"),
        clouds=0.3,
        cirrus=0.0,
        azimuth=155.6,
        elevation=51.3,
        tiles=BOTH,
        swath_east=(0.8, 0.49),
    ),
    Acquisition(
        time=_at("20220618T105039"),
        platform="Sentinel-2A",
        orbit=51,
        baseline="04.00",
        processed=_at("20220618T170445"),
        clouds=0.82,
        cirrus=0.3,
        azimuth=152.6,
        elevation=60.1,
        tiles=(FIRST,),
    ),
)


def overlap(size: int) -> int:
    """Pixels that the two tiles share, as Sentinel-2's share about 9 per cent; even."""
    return 2 * round(size * 0.0437)


def west_of(tile: str, size: int) -> int:
    """Easting of a tile's left edge in metres."""
    return WEST + (0 if tile == FIRST else PIXEL * (size - overlap(size)))


def name(acquisition: Acquisition, tile: str) -> str:
    """The item's id, as Planetary Computer makes them of ESA's product names."""
    short = acquisition.platform.replace("Sentinel-", "S")
    time, processed = (f"{t:%Y%m%dT%H%M%S}" for t in (acquisition.time, acquisition.processed))
    return f"{short}_MSIL2A_{time}_R{acquisition.orbit:03}_T{tile}_{processed}"


def scenes(acquisitions: Iterable[Acquisition] = ACQUISITIONS) -> list[tuple[Acquisition, str]]:
    """Every scene of the archive: an acquisition and a tile."""
    return [(acquisition, tile) for acquisition in acquisitions for tile in acquisition.tiles]
