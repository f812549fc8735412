"""A plan: the tasks of a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast, overload

from scenefleet.catalog.packed import Packed
from scenefleet_task import spec
from scenefleet_task.spec import TaskDocument

_ID_BYTES = 10
"""Of a document's id, which has two hexadecimal digits a byte."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A scene that matches the search but cannot be computed."""

    item: str
    reason: str


class Documents(Sequence[TaskDocument]):
    """Documents of tasks, each kept as a packed line and read anew when it is asked for.

    Equal to any sequence of equal documents.
    """

    __slots__ = ("_ids", "_packed", "_places")

    def __init__(self) -> None:
        self._packed = Packed()
        self._ids = bytearray()
        self._places: Sequence[int] | None = None

    def add(self, document: TaskDocument, line: bytes | None = None) -> None:
        """Adds a checked document at the end; `line` is its line where that is at hand."""
        self._packed.add(spec.line(document) if line is None else line)
        self._ids += bytes.fromhex(document.id)

    @property
    def ids(self) -> Iterator[str]:
        """The documents' ids, without reading any."""
        return map(self._id, self._all())

    def lines(self) -> Iterator[bytes]:
        """The documents as canonical JSON, without the line's end."""
        return map(self._packed.__getitem__, self._all())

    def only(self, ids: Iterable[str]) -> Documents:
        """Those of some ids, in the same order; shares all that is kept with this."""
        wanted = frozenset(ids)
        return self._part([place for place in self._all() if self._id(place) in wanted])

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, index: int) -> TaskDocument: ...
    @overload
    def __getitem__(self, index: slice) -> Documents: ...
    def __getitem__(self, index: int | slice) -> TaskDocument | Documents:
        places = self._all()
        if isinstance(index, slice):
            return self._part(places[index])
        return self._read(places[index])

    def __iter__(self) -> Iterator[TaskDocument]:
        return map(self._read, self._all())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        others = cast("Sequence[Any]", other)
        return len(self) == len(others) and all(a == b for a, b in zip(self, others, strict=True))

    __hash__ = None  # pyright: ignore[reportAssignmentType] - as of lists

    def __repr__(self) -> str:
        return f"<{len(self)} documents>"

    def _all(self) -> Sequence[int]:
        return range(len(self._packed)) if self._places is None else self._places

    def _id(self, place: int) -> str:
        return self._ids[_ID_BYTES * place : _ID_BYTES * (place + 1)].hex()

    def _part(self, places: Sequence[int]) -> Documents:
        part = Documents()
        part._packed, part._ids, part._places = self._packed, self._ids, places
        return part

    def _read(self, place: int) -> TaskDocument:
        return spec.trusted(json.loads(self._packed[place]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The tasks of a run, oldest scene first: a pure function of items and recipe."""

    name: str
    """The recipe's name, which is the product's too."""
    documents: Sequence[TaskDocument]
    """`Documents` where a recipe was planned: each is read anew when it is asked for."""
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    """Choices among a scene's files that the user should know, each once for all scenes."""

    @property
    def id(self) -> str:
        """`<name>-<10 hexadecimal digits>`: the same tasks give the same id, anywhere."""
        ids = "\n".join(sorted(document_ids(self.documents)))
        return f"{self.name}-{hashlib.sha256(ids.encode()).hexdigest()[:10]}"


def document_ids(documents: Iterable[TaskDocument]) -> Iterator[str]:
    """The documents' ids."""
    if isinstance(documents, Documents):
        return documents.ids
    return (document.id for document in documents)


def documents_of(documents: Sequence[TaskDocument], ids: Container[str]) -> Sequence[TaskDocument]:
    """Those of some ids, in the same order, without reading any where that can be."""
    if isinstance(documents, Documents):
        return documents.only(one for one in documents.ids if one in ids)
    return [document for document in documents if document.id in ids]


def document_lines(documents: Iterable[TaskDocument]) -> Iterator[bytes]:
    """The documents as canonical JSON, without the line's end."""
    if isinstance(documents, Documents):
        return documents.lines()
    return map(spec.line, documents)
