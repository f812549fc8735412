"""A scene processed into a folder, where tests look at its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenefleet_task import scene
from scenefleet_task.names import names_of
from scenefleet_task.put_folder import FolderTarget
from scenefleet_task.read import opened


@dataclass(frozen=True)
class MadeFile:
    """An output, and where it is."""

    made: scene.Made
    file: Path

    def __getattr__(self, name: str) -> Any:
        return getattr(self.made, name)


@dataclass(frozen=True)
class InFolder:
    """What a scene became, and where it is."""

    rasters: scene.Rasters
    folder: Path

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rasters, name)

    @property
    def made(self) -> list[MadeFile]:
        return [MadeFile(made, self.folder / f"{made.file}.tif") for made in self.rasters.made]

    @property
    def files(self) -> dict[str, Path]:
        """Of the outputs, without the reasons."""
        return {made.made.file: made.file for made in self.made}

    @property
    def reason(self) -> Path:
        return self.folder / "reason.tif"


def process(document: Any, access: Any, folder: Path, **more: Any) -> Any:
    """`scene.process` with a folder as the store."""
    folder.mkdir(parents=True, exist_ok=True)
    target = FolderTarget(folder)
    with opened(names_of(document), access) as sources:
        rasters = scene.process(
            document, sources, folder, lambda name: target.begin(name, folder), **more
        )
    return InFolder(rasters, folder)
