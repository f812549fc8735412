"""Checks of where a task's files come from, as far as this emulator has such a place."""

from __future__ import annotations

from typing import Any

from batch_emulator.options import AUTO_STORAGE_VARIABLE
from batch_emulator.scheduling.packages import check_task_packages
from batch_emulator.service import Service
from batch_emulator.wire.errors import BatchError


def check_sources(service: Service, spec: dict[str, Any], path: str = "") -> None:
    """Check the resource files and application packages of a task of any kind.

    Raises:
        BatchError: `StorageAccountNotFound` for a container of an auto-storage account that there
            is not; `InvalidApplicationPackageReferences` for packages that are not there.
    """
    check_auto_storage(service, spec.get("resourceFiles", ()), f"{path}resourceFiles")
    check_task_packages(service, spec.get("applicationPackageReferences", ()))


def check_auto_storage(service: Service, files: Any, path: str) -> None:  # noqa: ANN401 - JSON
    """Check that resource files ask for no auto-storage account where there is none.

    Raises:
        BatchError: `StorageAccountNotFound`.
    """
    if service.options.auto_storage is None:
        for at, file in enumerate(files):
            if "autoStorageContainerName" in file:
                name = f"{path}[{at}].autoStorageContainerName"
                reason = f"This emulator was started without {AUTO_STORAGE_VARIABLE}."
                raise BatchError("StorageAccountNotFound", PropertyName=name, Reason=reason)
