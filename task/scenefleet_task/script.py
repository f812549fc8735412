"""A user's own processing in place of formulas: what a script is given, and what it must give.

A script is a Python file with a function `process(scene: Scene) -> dict[str, Array]` and, as
literals that are read without running it,

    BANDS = ("red", "nir")         # STAC common names of what it needs
    OUTPUTS = ("texture",)         # keys of what it gives
    OVERLAP = 1                    # pixels around a window that it wants to see; default 0
    SECONDS = 600                  # a window may take so long; default 600

It is called once a window. What it returns has the shape of what it was given, overlap included;
the overlap is cut off afterwards.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import signal
import sys
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from scenefleet_task import spec
from scenefleet_task.failure import TaskError
from scenefleet_task.log import prints
from scenefleet_task.script_error import ScriptText
from scenefleet_task.spec import Exit

Array = NDArray[Any]
_MODULE = "scenefleet_script"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A window of one scene, with the script's overlap around it as far as the scene goes."""

    bands: Mapping[str, NDArray[np.float32]]
    """By common name, shape (height, width): reflectance without unit (or kelvin); NaN where the
    source has no data. Masked pixels keep their values."""
    valid: NDArray[np.bool_]
    """Shape (height, width): True where a pixel has data and nothing masks it."""
    reasons: NDArray[np.uint8]
    """Shape (height, width): `spec.Reason`, 0 where valid."""
    transform: tuple[float, ...]
    """Affine (a, b, c, d, e, f) of the window: x = a * column + b * row + c."""
    crs: str
    """`EPSG:...` or WKT2."""
    datetime: str
    """RFC 3339, UTC."""
    properties: Mapping[str, Any]
    """Of the source item, as far as outputs carry them on (platform, view:sun_azimuth ...)."""

    def __getitem__(self, band: str) -> NDArray[np.float32]:
        """A band by its common name.

        Raises:
            KeyError: if the script does not state it.
        """
        if band not in self.bands:
            raise KeyError(f"{band}: BANDS states {', '.join(self.bands)}")
        return self.bands[band]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, the overlap included."""
        height, width = self.valid.shape
        return height, width


Process = Callable[[Scene], Mapping[str, Array]]


class _LateError(BaseException):
    """Not an `Exception`, so that a script's own `except Exception` does not swallow it."""


class Runner:
    """A script, loaded."""

    def __init__(self, file: Path, script: spec.Script, outputs: tuple[str, ...]) -> None:
        """Loads the script.

        Raises:
            TaskError: `SCRIPT`, if the file is another than the document names, cannot be loaded,
                or has no `process`.
        """
        self._file, self._script, self._outputs = file, script, outputs
        self._text = ScriptText(str(file), script.name, self._read())
        with self._telling("loading it"):
            self._process = self._load()

    def run(self, scene: Scene) -> dict[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]:
        """The script's outputs, float32, and True where one has no value (not finite).

        Raises:
            TaskError: `SCRIPT`, if it raises, takes too long, or gives something else than it
                states.
        """
        with self._telling("process(scene)"), np.errstate(all="ignore"):
            given = self._process(scene)
        return {name: self._checked(given, name, scene.shape) for name in self._outputs}

    def _read(self) -> bytes:
        try:
            text = self._file.read_bytes()
        except OSError as error:
            raise self._failure(f"it cannot be read: {error.strerror}") from None
        found = hashlib.sha256(text).hexdigest()
        if found != self._script.sha256:
            raise self._failure(
                f"its SHA-256 is {found[:12]}..., the task wants {self._script.sha256[:12]}..."
            )
        return text

    def _load(self) -> Process:
        found = importlib.util.spec_from_file_location(_MODULE, self._file)
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        sys.modules[_MODULE] = module  # dataclasses in a script look themselves up there
        found.loader.exec_module(module)
        process: object = getattr(module, "process", None)
        if not callable(process):
            raise self._failure("it has no function `process(scene)`")
        return cast("Process", process)

    def _checked(
        self, given: object, name: str, shape: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        if not isinstance(given, Mapping):
            raise self._failure(
                f"process(scene) gave a {type(given).__name__}; it must give a dict of arrays"
            )
        outputs = cast("Mapping[str, object]", given)
        if set(outputs) != set(self._outputs):
            raise self._failure(
                f"process(scene) gave {sorted(map(str, outputs))}; OUTPUTS states "
                f"{sorted(self._outputs)}"
            )
        whole = cast("Any", np.ma.asarray(outputs[name]))
        if whole.dtype.kind not in "biuf":
            raise self._failure(
                f"output {name!r} is an array of {whole.dtype}; it must be of real numbers"
            )
        array: Array = np.ma.filled(whole.astype(np.float32), np.nan)
        if array.shape != shape:
            raise self._failure(
                f"output {name!r} has shape {array.shape}; it must have the scene's, {shape}, the "
                "overlap included"
            )
        undefined = ~np.isfinite(array)
        return np.where(undefined, np.float32(0), array), undefined

    @contextlib.contextmanager
    def _telling(self, when: str) -> Generator[None]:
        """Turns what the script does wrong into a message with the script's own lines."""
        try:
            with (
                _limited(self._script.seconds),
                contextlib.closing(_Said()) as said,
                contextlib.redirect_stdout(said),
            ):
                yield
        except TaskError:
            raise
        except _LateError as error:
            raise self._failure(
                f"{when} took longer than {self._script.seconds:g} s; make it faster, or state "
                f"more by SECONDS{self._text.calls(error)}"
            ) from None
        except MemoryError as error:
            text = f"{when}: {self._text.describe(error)}"
            raise TaskError(
                Exit.KILLED,
                f"{self._script.name}: out of memory: use nodes with more, or fewer task slots: "
                f"{text}",
            ) from None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's code, not ours
            raise self._failure(f"{when}: {self._text.describe(error)}") from None

    def _failure(self, what: str) -> TaskError:
        return TaskError(Exit.SCRIPT, f"{self._script.name}: {what}")


class _Said(io.TextIOBase):
    """What a script prints, as lines of the task's log."""

    def __init__(self) -> None:
        self._rest = ""

    def write(self, text: str, /) -> int:
        """Logs every line that is complete."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            prints.info("script: %s", line)
        return len(text)

    def close(self) -> None:
        """Logs what stands on the last line."""
        if self._rest and not self.closed:
            prints.info("script: %s", self._rest)
        super().close()


@contextlib.contextmanager
def _limited(seconds: float) -> Generator[None]:
    """Interrupts Python code after so long. Native code is left to the task's own time limit."""

    def late(*_: object) -> None:
        raise _LateError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
