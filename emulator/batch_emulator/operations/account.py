"""Operations on the account: the images that nodes can have, and their node agents."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.operations.listing import AGENTS, IMAGES, question
from batch_emulator.service import Service
from batch_emulator.wire.errors import BatchError
from batch_emulator.wire.former import SKUS_UNTIL
from batch_emulator.wire.paging import reply_page
from batch_emulator.wire.versions import version_of

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


async def list_node_agents(service: Service, request: Request) -> Response:  # noqa: ARG001 - as all are called
    """List node agents, each with its images: what versions before 2019-06-01.9.0 have instead."""
    if version_of(request) > SKUS_UNTIL:
        raise BatchError("InvalidUri", Reason=f"{request.method} {request.url.path}")
    asked = question(request, AGENTS, None)
    names = sorted({image[3] for image in _IMAGES})
    agents = [_Agent(at, name) for at, name in enumerate(names)]
    return reply_page(request, agents, asked, lambda agent: agent.document)


class _Agent:
    """A node agent in a list."""

    def __init__(self, sequence: int, name: str) -> None:
        images = [_Image(at).document for at, image in enumerate(_IMAGES) if image[3] == name]
        self.sequence = sequence
        self.gone = False
        self.document: dict[str, Any] = {
            "id": name,
            "verifiedImageReferences": [image["imageReference"] for image in images],
            "osType": "linux",
        }

    def peek(self, path: str) -> Any:  # noqa: ANN401 - a property may be anything
        return self.document.get(path)


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
