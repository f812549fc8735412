"""The STAC catalogue of outputs, and the report."""

from scenefleet.results.collection import write_collection
from scenefleet.results.report import write_report

__all__ = ["write_collection", "write_report"]
