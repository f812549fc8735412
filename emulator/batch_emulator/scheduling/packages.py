"""Application packages that pools and tasks refer to: they have to be there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from batch_emulator.node.applications import find_application, find_package
from batch_emulator.service import Service
from batch_emulator.wire.errors import BatchError, invalid_property

_NAME = "applicationPackageReferences"
_MOST = 10
"""References that a pool may have: the service's number."""


def check_pool_packages(service: Service, references: Sequence[dict[str, Any]]) -> None:
    """Check what a pool refers to.

    Raises:
        BatchError: `InvalidApplicationPackageReferences`, if a package is not there, or if no
            version is named and the application has no default.
    """
    if len(references) > _MOST:
        raise invalid_property(_NAME, len(references), f"At most {_MOST} references.")
    for reference in references:
        if find_package(service.options.applications, reference) is None:
            raise _missing(reference)


def check_task_packages(service: Service, references: Sequence[dict[str, Any]]) -> None:
    """Check what a task refers to: without a default version it is the task that fails.

    Raises:
        BatchError: `InvalidApplicationPackageReferences`, if an application or version named is not
            there.
    """
    for reference in references:
        folder = service.options.applications
        application = find_application(folder, reference["applicationId"])
        if application is None:
            raise _missing(reference)
        if "version" in reference and find_package(folder, reference) is None:
            raise _missing(reference)


def _missing(reference: dict[str, Any]) -> BatchError:
    name = ":".join(filter(None, (reference["applicationId"], reference.get("version"))))
    error = BatchError("InvalidApplicationPackageReferences")
    # as recorded of the service
    error.details[name] = "The specified application package does not exist."
    return error
