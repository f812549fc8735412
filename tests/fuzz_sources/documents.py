"""The task of a case: one band, as it is."""

from __future__ import annotations

from fuzz_sources.corpus import Case
from scenefleet_task.reach import Reach
from scenefleet_task.spec import (
    VERSION,
    Band,
    OffsetCheck,
    Output,
    Part,
    Source,
    TargetGrid,
    TaskDocument,
    seal,
)


def document(case: Case, href: str) -> TaskDocument:
    """A document whose output has the file's own numbers, and that looks at its overviews."""
    band = Band(name="red", asset="B04", href=href, scale=1.0, offset=0.0, nodata=None, rule="test")
    # looked at, and nothing follows from it: no band's offset is in question
    check = OffsetCheck(shift=1000, said="carried", evidence=("test",), look=(band, band))
    looked = case.seed == "large"
    part = Part(item="scene", bands=(band,), masks=(), check=check if looked else None)
    grid = TargetGrid(crs="EPSG:32631", resolution=10.0, align=(0.0, 0.0), resampling="nearest")
    source = Source(
        id="scene", collection="c", href=None, datetime="2024-08-01T11:21:19Z",
        bbox=(4.4, 51.3, 4.5, 51.5), properties={},
        geometry={"type": "Polygon", "coordinates": [
            [[4.4, 51.3], [4.5, 51.3], [4.5, 51.5], [4.4, 51.5], [4.4, 51.3]]]},
    )  # fmt: skip
    return seal(
        TaskDocument(
            version=VERSION, id="", product="fuzz", folder="scene", source=source, access="none",
            parts=(part,), outputs=(Output(name="red", title="red", formula="red", scale=1.0),),
            dtype="float32", stacked=False, compression="zstd", script=None,
            grid=grid if case.way == "grid" else None, clip=None,
            reach=Reach(origin="loopback" if case.way == "http" else "file"),
        )
    )  # fmt: skip
