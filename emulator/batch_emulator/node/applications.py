"""Application packages: zip files of a folder here, as the service has them in auto-storage.

`<folder>/<id>/<version>.zip`; a file `<folder>/<id>/default` may name the default version. A node
unpacks what is asked for below its `applications` folder, once, and tasks find it by a variable.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from batch_emulator.node.tree import remove
from batch_emulator.node.work import WorkError
from batch_emulator.state.task import Failure

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VERSION = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_FLAT = re.compile(r"[.#-]")


@dataclass(frozen=True, slots=True)
class Application:
    """An application that packages are there of."""

    folder: Path
    versions: tuple[str, ...]

    @property
    def id(self) -> str:
        """Its name."""
        return self.folder.name

    @property
    def modified(self) -> datetime:
        """When packages last came or went."""
        return datetime.fromtimestamp(self.folder.stat().st_mtime, UTC)

    @property
    def etag(self) -> str:
        """Tells one state of it from another."""
        return f'"0x{self.folder.stat().st_mtime_ns:X}"'

    def find(self, version: str) -> str | None:
        """A version as it is written here; any case finds it."""
        return next((v for v in self.versions if v.lower() == version.lower()), None)

    def default(self) -> str | None:
        """The version meant where none is named."""
        try:
            return self.find((self.folder / "default").read_text("utf-8").strip())
        except (OSError, UnicodeDecodeError):
            return None

    def document(self) -> dict[str, Any]:
        """The service's JSON."""
        return {"id": self.id, "displayName": self.id, "versions": list(self.versions)}


@dataclass(frozen=True, slots=True)
class Package:
    """A version of an application that a reference means."""

    application: str
    version: str
    archive: Path
    named: bool
    """Whether the reference names the version: the variable's name then does too."""

    def variables(self, place: Path) -> dict[str, str]:
        """What tells tasks where it is.

        The service's pages differ on capital letters in these names on Linux, so both are there.
        """
        name = f"{self.application}_{self.version}" if self.named else self.application
        flat = _FLAT.sub("_", name)
        return {f"AZ_BATCH_APP_PACKAGE_{one}": str(place) for one in {flat, flat.lower()}}


def list_applications(folder: Path | None) -> list[Application]:
    """The applications of the emulator's folder, by name: it is read anew each time."""
    if folder is None:
        return []
    found = (_application(path) for path in sorted(folder.iterdir()) if _NAME.fullmatch(path.name))
    return [application for application in found if application.versions]


def find_application(folder: Path | None, name: str) -> Application | None:
    """An application, by its name in any case or by its full resource id."""
    short = name.rpartition("/applications/")[2].lower()
    return next((one for one in list_applications(folder) if one.id.lower() == short), None)


def find_package(folder: Path | None, reference: Mapping[str, Any]) -> Package | None:
    """The package that a reference means."""
    application = find_application(folder, reference["applicationId"])
    if application is None:
        return None
    wanted = reference.get("version")
    version = application.default() if wanted is None else application.find(wanted)
    if version is None:
        return None
    archive = application.folder / f"{version}.zip"
    return Package(application.id, version, archive, wanted is not None)


async def deploy(
    references: Iterable[Mapping[str, Any]], folder: Path | None, place: Path
) -> dict[str, str]:
    """Have packages on a node, below `place`; returns the variables that tell where.

    Raises:
        WorkError: `ApplicationPackageError`, if one is not there or cannot be unpacked.
    """
    variables: dict[str, str] = {}
    for reference in references:
        package = find_package(folder, reference)
        if package is None:
            raise _failed(reference, "there is no such package, or no default version of it")
        target = place / package.application / package.version
        if not target.is_dir():
            try:
                await asyncio.to_thread(_unpack, package.archive, target)
            # zipfile says so of a compression it does not know, and of a password
            except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
                raise _failed(reference, str(error)) from None
        variables |= package.variables(target)
    return variables


def _application(folder: Path) -> Application:
    versions = [path.stem for path in folder.glob("*.zip") if _VERSION.fullmatch(path.stem)]
    return Application(folder, tuple(sorted(versions)))


def _unpack(archive: Path, target: Path) -> None:
    """Unpack beside and rename: others may want the same package at the same time."""
    part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
    try:
        with zipfile.ZipFile(archive) as package:
            for member in package.infolist():
                file = Path(package.extract(member, part))
                mode = member.external_attr >> 16 & 0o777
                if mode and not member.is_dir():
                    file.chmod(mode | 0o600)
        part.mkdir(parents=True, exist_ok=True)
        _rename(part, target)
    finally:
        remove(part)


def _rename(part: Path, target: Path) -> None:
    try:
        part.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _failed(reference: Mapping[str, Any], reason: str) -> WorkError:
    details = [("ApplicationId", reference["applicationId"].rpartition("/")[2])]
    details += [("Version", reference["version"])] if "version" in reference else []
    text = f"An application package could not be deployed: {reason}"
    return WorkError(Failure("ApplicationPackageError", text, tuple(details)))
