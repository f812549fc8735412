"""Whether a case ended right: the rules, in the order in which they decide.

- A task ends in time, in memory, and in Python: not as `internal`, not by a signal.
- What is no raster is refused; so is a file whose tables contradict themselves or the file. They
  are refused as unreadable or unfit: not as missing, nor as unreachable.
- What is done has the pixels of the well-made file, or those that GDAL reads of the changed one
  where GDAL has nothing to say against it: TIFF has no checksums, so that bytes that changed in a
  tile without compression are numbers like any other.
- Nothing of the canary is in what is written, and nobody asked for what is not the source.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio

from fuzz_sources.corpus import Case
from fuzz_sources.oracle import Pixels, Reading, output_of, reading_of
from scenefleet_task.result import Result

REFUSALS = {"source_unreadable", "input_mismatch"}
"""How a task may end whose source is not to be read."""
NO_WAY = "document"
"""Beside these where it is to be resampled, and its CRS leads to no other."""
TOO_LARGE = {"store_full"}
"""Beside these where a header tells of more pixels than the disk holds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of a case."""

    number: int
    outcome: str
    """`right`, `refused`, or what kind of wrong it is."""
    detail: str = ""

    @property
    def wrong(self) -> bool:
        """Whether it is a finding."""
        return self.outcome not in ("right", "refused")


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process of a case ended."""

    result: Result | None
    signal: int
    """0 where it ended by itself."""
    megabytes: float
    """The most memory that it took."""
    files: tuple[Path, ...]
    """All that it wrote into the store."""


def judge(  # noqa: PLR0911 - a rule a line
    case: Case, source: Path, original: Path | None, ended: Ended, canary: bytes, most: float
) -> Verdict:
    """The verdict, as far as files tell; requests are counted elsewhere.

    Args:
        case: of the corpus.
        source: its file.
        original: the well-made file that it was made of, if any.
        ended: how the task ended.
        canary: must not be in what was written.
        most: megabytes that it might take.
    """

    def say(outcome: str, detail: str = "") -> Verdict:
        return Verdict(case.number, outcome, " ".join(detail.split())[:400])

    result = ended.result
    if leak := _leak(ended.files, canary):
        return say("LEAK: local content in what is written", leak)
    if ended.signal or not result:
        return say(_SIGNALS.get(ended.signal, f"ended by signal {ended.signal}"))
    said = f"{result.exit}: {result.message}"
    if result.exit in ("internal", "killed", "stopped"):
        return say(f"ended as {result.exit}", said)
    if ended.megabytes > most:
        return say("took too much memory", f"{ended.megabytes:.0f} MB; {said}")
    if result.exit == "done":
        return say(*_done(case, source, original, ended.files))
    if any(file.name.endswith(".json") and "products" in file.parts for file in ended.files):
        return say("failed, and left an item", said)
    if case.harmless:
        return say("refused though nothing is wrong", said)
    allowed = REFUSALS | ({NO_WAY} if case.way == "grid" else set())
    if result.exit in allowed or (result.exit in TOO_LARGE and reading_of(source).huge):
        return say("refused", said)
    return say(f"refused as {result.exit}", said)


_SIGNALS = {0: "ended without a result", 14: "hung", 24: "took too much CPU", 9: "killed"}


def _leak(files: tuple[Path, ...], canary: bytes) -> str | None:
    """Where the canary is, as text or as pixels."""
    for file in files:
        data = file.read_bytes()
        if canary in data:
            return f"{file.name} holds it as it is"
        if file.suffix == ".tif":
            with rasterio.open(file) as dataset:
                values = dataset.read(1)
            with np.errstate(invalid="ignore"):
                forms = [np.nan_to_num(values).astype(kind) for kind in ("u1", "<u2", ">u2")]
            if any(canary in form.tobytes() for form in forms):
                return f"{file.name} holds it in its pixels"
    return None


def _done(
    case: Case, source: Path, original: Path | None, files: tuple[Path, ...]
) -> tuple[str, str]:
    if original is None:
        return "done, though it is to be refused", ""
    by_name = {file.name: file for file in files}
    output = output_of(by_name["red.tif"], by_name["reason.tif"])
    right = reading_of(original).pixels
    assert right
    difference = output.differs(right)
    if difference is None:
        return "right", ""
    if case.harmless:
        return "WRONG: other pixels, though nothing is wrong", difference
    if case.contradicts:
        return "WRONG: other pixels, though its tables contradict themselves", difference
    reading = reading_of(source)
    if case.way == "grid" and reading.pixels and not reading.pixels.lies_as(right):
        return "right", "resampled, so that there is nothing to compare it with"
    return _against(output, reading, difference)


def _against(output: Pixels, reading: Reading, difference: str) -> tuple[str, str]:
    """Of a file whose pixels are not the well-made one's."""
    complaints = "; ".join(complaint.text for complaint in reading.complaints)
    if reading.huge:
        return "right", ""
    if reading.pixels is None:
        return "WRONG: done, though GDAL cannot read it", f"{difference}; GDAL: {complaints}"
    against = output.differs(reading.pixels)
    if against:
        return "WRONG: neither the original's pixels nor GDAL's", f"{against}; GDAL: {complaints}"
    for complaint in reading.complaints:
        when = "opening" if complaint.opening else "reading"
        what = "an error" if complaint.error else "a warning"
        return f"WRONG: other pixels, despite {what} while {when}", f"{difference}; {complaints}"
    return "right", ""
