"""Holds what emulators answer, whoever starts them and whoever asks, to the service's documents."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformity import Book, Exchanged, read_book

_WITNESS = Path(__file__).with_name("witness") / "sitecustomize.py"


@dataclass
class Witnessed:
    """What emulators have answered so far."""

    book: Book
    file: Path
    _read: int = 0

    def look(self) -> set[str]:
        """Hold what is new to the documents; returns the operations that have succeeded so far."""
        with self.file.open("rb") as lines:
            lines.seek(self._read)
            for line in lines:
                told = json.loads(line)
                if told["body"] is not None:
                    told["body"] = told["body"].encode("latin-1")
                self.book.check(Exchanged(**told))
            self._read = lines.tell()
        assert not self.book.found, "\n".join(self.book.found)
        return self.book.seen


@contextmanager
def witnessing() -> Generator[Witnessed | None]:
    """While it lasts, emulators write down their answers; at its end they are looked at.

    Where the shared folder is missing, nothing is watched.
    """
    shared = os.environ.get("SCENEFLEET_SHARED", Path(__file__).resolve().parents[2] / "shared")
    reference = Path(shared) / "reference"
    if not reference.is_dir():
        yield None
        return
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        answers = Path(folder, "answers")
        answers.touch()
        # beside its file: an emulator gets no variable but those that it is known to need
        shutil.copy(_WITNESS, folder)
        patch.setenv("PYTHONPATH", folder, prepend=os.pathsep)
        witnessed = Witnessed(read_book(reference), answers)
        yield witnessed
        witnessed.look()
