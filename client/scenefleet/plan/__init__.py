"""Items and a recipe become task documents and an estimate; pure."""

from scenefleet.plan.build import plan
from scenefleet.plan.estimate import Estimate, estimate
from scenefleet.plan.explain import Alike, Reading, explain
from scenefleet.plan.model import (
    Documents,
    LeftOut,
    Plan,
    document_ids,
    document_lines,
    documents_of,
)

__all__ = [
    "Alike",
    "Documents",
    "Estimate",
    "LeftOut",
    "Plan",
    "Reading",
    "document_ids",
    "document_lines",
    "documents_of",
    "estimate",
    "explain",
    "plan",
]
