"""Operations on the account's applications: those of the folder the emulator was given."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.node.applications import Application, find_application, list_applications
from batch_emulator.operations.listing import question
from batch_emulator.service import Service
from batch_emulator.wire.errors import BatchError
from batch_emulator.wire.paging import reply_page
from batch_emulator.wire.reply import reply_one


async def list_all(service: Service, request: Request) -> Response:
    """List the applications that there are packages of."""
    found = list_applications(service.options.applications)
    listed = [_Listed(application, at) for at, application in enumerate(found)]
    return reply_page(request, listed, question(request, {}, None), _Listed.document)


async def get_application(service: Service, request: Request) -> Response:
    """Get an application."""
    name = request.path_params["applicationId"]
    application = find_application(service.options.applications, name)
    if application is None:
        raise BatchError("ApplicationNotFound")
    return reply_one(request, "applications", application.document(), resource=application)


class _Listed:
    """An application in a list."""

    def __init__(self, application: Application, sequence: int) -> None:
        self._application = application
        self.sequence = sequence
        self.gone = False

    def peek(self, path: str) -> Any:  # noqa: ANN401 - a property may be anything
        return self.document().get(path)

    def document(self) -> dict[str, Any]:
        return self._application.document()
