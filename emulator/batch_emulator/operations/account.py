"""Operations on the account: the images that nodes can have."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.operations.listing import IMAGES, question
from batch_emulator.service import Service
from batch_emulator.wire.paging import reply_page

_CONTAINERS = ["DockerCompatible"]
_IMAGES: tuple[tuple[str, str, str, str, list[str], str | None], ...] = (
    (
        "microsoft-dsvm",
        "ubuntu-hpc",
        "2404",
        "batch.node.ubuntu 24.04",
        [*_CONTAINERS, "SupportsRDMAOnly", "NvidiaTeslaDriverInstalled"],
        None,
    ),
    (
        "microsoft-dsvm",
        "ubuntu-hpc",
        "2204",
        "batch.node.ubuntu 22.04",
        [*_CONTAINERS, "SupportsRDMAOnly", "NvidiaTeslaDriverInstalled"],
        "2027-06-30T00:00:00Z",
    ),
    ("canonical", "ubuntu-24_04-lts", "server", "batch.node.ubuntu 24.04", [], None),
    (
        "canonical",
        "0001-com-ubuntu-server-jammy",
        "22_04-lts",
        "batch.node.ubuntu 22.04",
        [],
        "2027-06-30T00:00:00Z",
    ),
)
"""A few of the service's: publisher, offer, sku, node agent, capabilities, end of support."""


async def list_images(service: Service, request: Request) -> Response:  # noqa: ARG001 - as all are called
    """List the images that the service knows; here they are names only."""
    asked = question(request, IMAGES, None)
    images = [_Image(at) for at in range(len(_IMAGES))]
    return reply_page(request, images, asked, lambda image: image.document)


class _Image:
    """An image in a list."""

    def __init__(self, sequence: int) -> None:
        publisher, offer, sku, agent, capabilities, end = _IMAGES[sequence]
        reference = {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"}
        self.sequence = sequence
        self.gone = False
        self.document: dict[str, Any] = {
            "nodeAgentSKUId": agent,
            "imageReference": reference,
            "osType": "linux",
            "capabilities": capabilities,
            "verificationType": "verified",
        }
        if end:
            self.document["batchSupportEndOfLife"] = end

    def peek(self, path: str) -> Any:  # noqa: ANN401 - a property may be anything
        return self.document.get(path)
