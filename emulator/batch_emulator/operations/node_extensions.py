"""Operations on the virtual machine extensions of a node.

They are those of its pool, after the service's own. A machine that is a folder takes none: their
instance view says so.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.operations.listing import question, selection
from batch_emulator.service import Service
from batch_emulator.state.node import Node
from batch_emulator.wire.errors import BatchError
from batch_emulator.wire.iso8601 import format_time
from batch_emulator.wire.paging import choose, reply_page
from batch_emulator.wire.reply import reply_one

_SHAPE = "BatchNodeVMExtension"
_OWN = {
    "name": "batchNodeExtension",
    "publisher": "Microsoft.Azure.Extensions",
    "type": "CustomScript",
}
"""By it the service puts its agent on a node, as recordings show."""


async def list_extensions(service: Service, request: Request) -> Response:
    """List a node's extensions."""
    asked = question(request, {}, _SHAPE)
    return reply_page(request, _extensions(service, request), asked, _Extension.document)


async def get_extension(service: Service, request: Request) -> Response:
    """Get one of a node's extensions."""
    name = request.path_params["extensionName"]
    for extension in _extensions(service, request):
        if extension.name == name:
            document = choose(extension.document(), selection(request, _SHAPE))
            return reply_one(request, "extensions", document, resource=extension.node)
    raise BatchError("ResourceNotFound", Reason=f"The node has no extension {name!r}.")


class _Extension:
    """An extension in a list or on its own."""

    def __init__(self, node: Node, spec: dict[str, Any], sequence: int) -> None:
        self.node = node
        self.name: str = spec["name"]
        self.sequence = sequence
        self.gone = False
        self._spec = spec

    def peek(self, path: str) -> Any:  # noqa: ANN401 - a property may be anything
        return self.document().get(path)

    def document(self) -> dict[str, Any]:
        shown = {k: v for k, v in self._spec.items() if k != "protectedSettings"}
        if self.node.booted is None:
            return {"provisioningState": "Creating", "vmExtension": shown}
        status = {
            "code": "ProvisioningState/succeeded",
            "level": "Warning",
            "displayStatus": "Provisioning succeeded",
            "message": "This emulator installs no extensions: nothing was run.",
            "time": format_time(self.node.booted),
        }
        view = {"name": self.name, "statuses": [status], "subStatuses": []}
        return {"provisioningState": "Succeeded", "vmExtension": shown, "instanceView": view}


def _extensions(service: Service, request: Request) -> list[_Extension]:
    node = service.account.node(request.path_params["poolId"], request.path_params["nodeId"])
    machine = node.pool.spec.get("virtualMachineConfiguration", {})
    specs = [_OWN, *machine.get("extensions", ())]
    return [_Extension(node, spec, at) for at, spec in enumerate(specs)]
