"""The account's quotas, where they were set while the emulator runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from batch_emulator.state.resource import Resource


@dataclass(slots=True, kw_only=True, eq=False)
class Quotas(Resource):
    """Limits beside those that the emulator was started with; None leaves it at these."""

    SAVED: ClassVar[tuple[str, ...]] = (
        *Resource.SAVED,
        *("dedicated_nodes", "low_priority_nodes", "active_jobs"),
        *("dedicated_cores", "low_priority_cores", "family_cores"),
    )

    dedicated_nodes: int | None = None
    low_priority_nodes: int | None = None
    active_jobs: int | None = None
    dedicated_cores: int | None = None
    low_priority_cores: int | None = None
    family_cores: list[tuple[str, int]] | None = None
    """Dedicated cores by families of VM sizes, such as `standardDDSv5Family`: others have none."""

    def spec_json(self) -> bytes:
        """Nothing: no client of the service sets quotas."""
        return b"{}"

    def document(self, base: str) -> dict[str, Any]:  # noqa: ARG002 - it has no address
        """As the admin interface tells them."""
        return {
            "dedicatedNodes": self.dedicated_nodes,
            "lowPriorityNodes": self.low_priority_nodes,
            "activeJobs": self.active_jobs,
            "dedicatedCores": self.dedicated_cores,
            "lowPriorityCores": self.low_priority_cores,
            "coresByFamily": None if self.family_cores is None else dict(self.family_cores),
        }
