"""A task document read whole, every value checked."""

from __future__ import annotations

import json

from scenefleet_task import spec
from scenefleet_task.errand import Text
from scenefleet_task.failure import TaskError
from scenefleet_task.spec import DocumentError, Exit, TaskDocument


def document_of(text: Text) -> TaskDocument:
    """The document.

    Raises:
        TaskError: `DOCUMENT`; says where, what was found and what is allowed.
    """
    try:
        if text.file:
            return spec.from_json(json.loads(text.data))
        return spec.decode(text.data.decode(errors="replace"))
    except (DocumentError, ValueError, RecursionError) as error:
        where = f"{text.file}: " if text.file else ""
        raise TaskError(Exit.DOCUMENT, f"{where}{error}") from None
