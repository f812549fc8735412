"""Nodes on Azure cannot read what lies on this machine, whatever it is needed for."""

from dataclasses import replace
from typing import Any

import pytest

from scenefleet.errors import FleetError
from scenefleet.fleet import check_addresses
from scenefleet.settings import Settings, read_settings
from scenefleet_task import spec
from scenefleet_task.spec import Band, Mask, OffsetCheck, Output, Part, Source, TaskDocument

WEB = "https://store.example.org/{}.tif"
HERE = (
    "/data/b04.tif",
    "http://127.0.0.1:9000/b04.tif",
    "http://localhost/b04.tif",
    "http://127.8.8.8/b04.tif",
    "http://[::1]/b04.tif",
    "http://LOCALHOST./b04.tif",
    "http://[::ffff:7f00:1]/b04.tif",
)


def settings() -> Settings:
    address = "https://mine.westeurope.batch.azure.com"
    return read_settings(None, {"SCENEFLEET_AZURE_BATCH_ENDPOINT": address})


def band(href: str) -> Band:
    return Band(
        name="red", asset="B04", href=href, scale=1e-4, offset=0, nodata=0, rule="s2-baseline<04.00"
    )


def document(**changes: Any) -> TaskDocument:
    mask = Mask(asset="SCL", href=WEB.format("scl"), rules=(), dilate=0)
    part = Part(item="s", bands=(band(WEB.format("b04")),), masks=(mask,), check=None)
    return TaskDocument(
        version=spec.VERSION, id="x", product="p", folder="s", access="none",
        parts=(replace(part, **changes),),
        source=Source(id="s", collection="c", href=None, datetime="2024-01-01T00:00:00Z",
                      bbox=(0, 0, 1, 1), geometry={}, properties={}),
        outputs=(Output(name="red", title="", formula="red", scale=1e-4),),
        dtype="int16", stacked=False, compression="deflate", script=None, grid=None, clip=None,
    )  # fmt: skip


def test_what_lies_on_the_web_is_reached() -> None:
    check_addresses([document()], settings())


@pytest.mark.parametrize("href", HERE)
@pytest.mark.parametrize("what", ["band", "mask", "look"])
def test_what_lies_here_is_refused_with_its_asset(href: str, what: str) -> None:
    changes: dict[str, Any] = {
        "band": {"bands": (band(href),)},
        "mask": {"masks": (Mask(asset="SCL", href=href, rules=(), dilate=0),)},
        "look": {"check": OffsetCheck(shift=1000, said="carried", evidence=(), look=(band(href),))},
    }[what]
    with pytest.raises(FleetError, match="SCL" if what == "mask" else "B04"):
        check_addresses([document(**changes)], settings())
