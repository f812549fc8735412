"""A source as rasterio opens it: handles have all that any of its versions asks of a file."""

from __future__ import annotations

import os

from scenefleet_task.gdal_file import GdalFile


class Held:
    """Bytes that are near, so that nothing is fetched ahead or kept."""

    near = True

    def __init__(self, data: bytes) -> None:
        self.data = data

    def fetch(self, start: int, size: int) -> bytes:
        return self.data[start : start + size]


def test_a_handle_can_be_closed_and_others_read_on() -> None:
    """rasterio 1.5 closes each handle; without `close` it writes a traceback into a task's log."""
    data = bytes(range(200))
    file = GdalFile(Held(data), len(data), data[:10], 0)  # type: ignore[arg-type]
    one, other = file.open("source", "rb"), file.open("source", "rb")
    assert (one.seek(150), one.read(7), one.tell()) == (150, data[150:157], 157)
    one.close()
    assert (other.seek(-5, os.SEEK_END), other.read()) == (195, data[195:])
    other.close()
    assert file.failed is None
    file.close()
