"""Indices by name: normalised differences `(first - second) / (first + second)` of reflectances.

Names, bands and long names follow Awesome Spectral Indices (Montero et al. 2023,
https://doi.org/10.1038/s41597-023-02096-0); bands are STAC common names.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NamedIndex:
    """A normalised difference that a recipe may name."""

    name: str
    first: str
    """STAC common name of the band that is added and subtracted from."""
    second: str
    title: str


INDICES = {
    index.name: index
    for index in (
        NamedIndex("ndvi", "nir", "red", "Normalized Difference Vegetation Index"),
        NamedIndex("gndvi", "nir", "green", "Green Normalized Difference Vegetation Index"),
        NamedIndex("ndwi", "green", "nir", "Normalized Difference Water Index (McFeeters)"),
        NamedIndex("mndwi", "green", "swir16", "Modified Normalized Difference Water Index"),
        NamedIndex("ndmi", "nir", "swir16", "Normalized Difference Moisture Index"),
        NamedIndex("ndbi", "swir16", "nir", "Normalized Difference Built-Up Index"),
        NamedIndex("ndsi", "green", "swir16", "Normalized Difference Snow Index"),
        NamedIndex("nbr", "nir", "swir22", "Normalized Burn Ratio"),
    )
}
