"""Scenefleet: from a STAC search to analysis-ready rasters on Azure Batch."""

__version__ = "0.1.0"
