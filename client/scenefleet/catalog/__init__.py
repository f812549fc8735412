"""Where scenes come from: search, selection, completeness, radiometry.

Importing this room loads neither pystac nor shapely; functions do, when they are called.
"""

from scenefleet.catalog.access import access, lost, origin
from scenefleet.catalog.bands import (
    BandPlace,
    band_names,
    find_band,
    find_place,
    names_in_list,
    number_in_file,
)
from scenefleet.catalog.model import Asset, Dropped, Scene, SearchResult
from scenefleet.catalog.offset_check import check_of
from scenefleet.catalog.radiometry import Radiometry, decide
from scenefleet.catalog.read_item import from_json
from scenefleet.catalog.search import search
from scenefleet.catalog.source import WELL_KNOWN, Paging, Patience
from scenefleet.catalog.waiting import CatalogRequest

__all__ = [
    "WELL_KNOWN",
    "Asset",
    "BandPlace",
    "CatalogRequest",
    "Dropped",
    "Paging",
    "Patience",
    "Radiometry",
    "Scene",
    "SearchResult",
    "access",
    "band_names",
    "check_of",
    "decide",
    "find_band",
    "find_place",
    "from_json",
    "lost",
    "names_in_list",
    "number_in_file",
    "origin",
    "search",
]
