"""Items and a recipe become task documents and an estimate; pure."""

from scenefleet.plan.build import plan
from scenefleet.plan.estimate import Estimate, estimate, vm_cores
from scenefleet.plan.model import LeftOut, Plan

__all__ = ["Estimate", "LeftOut", "Plan", "estimate", "plan", "vm_cores"]
