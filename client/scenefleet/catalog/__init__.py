"""Where scenes come from: search, selection, completeness, radiometry.

Importing this room loads neither pystac nor shapely; functions do, when they are called.
"""

from scenefleet.catalog.access import access
from scenefleet.catalog.bands import find_band, find_mask
from scenefleet.catalog.model import Asset, Dropped, Scene, SearchResult, from_json
from scenefleet.catalog.radiometry import Radiometry, decide
from scenefleet.catalog.search import search
from scenefleet.catalog.source import WELL_KNOWN, Patience

__all__ = [
    "WELL_KNOWN",
    "Asset",
    "Dropped",
    "Patience",
    "Radiometry",
    "Scene",
    "SearchResult",
    "access",
    "decide",
    "find_band",
    "find_mask",
    "from_json",
    "search",
]
