"""The supervisor's view of a task document: where outputs go, and which sources it names.

The supervisor imports no `spec`, which takes as long as all else it starts with; the computing
process checks the document. What is used of it here is checked here. Standard library only.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from scenefleet_task.environment import ENV_TASK
from scenefleet_task.exits import Exit
from scenefleet_task.failure import TaskError

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_ID = re.compile(r"[0-9a-f]{20}")


@dataclass(frozen=True, slots=True)
class Text:
    """A task document that nobody has read yet."""

    data: bytes
    """As `spec.encode` has it, or JSON."""
    file: Path | None
    """Where it came from; None for the environment, and for `spec.encode`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A task, as far as its supervisor must know it."""

    task: str
    item: str
    root: str
    """Below the store's root: the folder of the outputs."""
    last: str
    """Name of the file there that says that all others are there: the item's."""
    access: str
    """As `spec.TaskDocument.access`."""
    hrefs: frozenset[str]
    """Addresses of the sources: only these are signed."""


def find_text(file: Path | None, environment: str | None) -> Text:
    """The document of a file, or else of the environment variable's value.

    Raises:
        TaskError: if there is none.
    """
    if file:
        try:
            return Text(file.read_bytes(), file)
        except OSError as error:
            raise TaskError(Exit.DOCUMENT, f"{file}: {error.strerror}") from None
    if not environment:
        raise TaskError(Exit.DOCUMENT, f"no task: set {ENV_TASK}, or give --document FILE")
    return Text(environment.encode(errors="replace"), None)


def errand_of(text: Text) -> Errand:
    """Reads what the supervisor must know.

    Raises:
        TaskError: if that is not there, or nothing that a path may be made of.
    """
    try:
        data = text.data if text.file else zlib.decompress(base64.urlsafe_b64decode(text.data))
        content = json.loads(data)
        task, product, folder = (str(content[key]) for key in ("id", "product", "folder"))
        found = Errand(
            task=task,
            item=str(content["source"]["id"]),
            root=f"products/{product}/{folder}",
            last=f"{folder}.json",
            access=str(content["access"]),
            hrefs=frozenset(_hrefs(content["parts"])),
        )
        if _ID.fullmatch(task) and _SEGMENT.fullmatch(product) and _SEGMENT.fullmatch(folder):
            return found
    except (ValueError, LookupError, TypeError, RecursionError, zlib.error):
        pass
    raise _refusal(text)


def _hrefs(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Every `href` of a text, wherever it stands."""
    if isinstance(value, dict):
        for key, inner in cast("dict[str, Any]", value).items():
            if key == "href" and isinstance(inner, str):
                yield inner
            else:
                yield from _hrefs(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _hrefs(inner)


def _refusal(text: Text) -> TaskError:
    """What is wrong with a document, by who knows it best."""
    from scenefleet_task.whole import document_of

    try:
        document_of(text)
    except TaskError as error:
        return error
    return TaskError(Exit.DOCUMENT, "document: its ids are none that paths can be made of")
